import { ProcessGuard } from './process-guard.ts'

/** What one child is started with. Nothing else reaches it: no variables, no descriptors beyond 0, 1 and 2. */
export interface ChildOptions {
  /** Program and arguments, as they are given to `execve`: no shell reads them. */
  command: readonly string[]
  environment: Readonly<Record<string, string>>
  cwd?: string
  /** The whole of its standard input: an anonymous file, so a child that does not read cannot block us. */
  input: Uint8Array
  /** A fresh id; every descendant is known by it. */
  id: string
}

export interface Outcome {
  code: number | null
  /** Name (or number) of the signal that ended it. */
  signal: string | null
}

/** A child that leads its own session and process group. */
export interface Child {
  readonly pid: number
  readonly output: ReadableStreamDefaultReader<Uint8Array>
  readonly errors: ReadableStreamDefaultReader<Uint8Array>
  /** How it ended; never rejects. */
  readonly exited: Promise<Outcome>
  /** Asks the whole group to end (SIGTERM) and ends it `graceMs` later (SIGKILL). */
  end(graceMs: number): void
  /** Ends at once what is left of its group, and what has left the group. For children that have exited. */
  sweep(): void
  /** Ends the child if it still runs, sweeps, and frees its resources; resolves when it is gone. Call it always. */
  close(graceMs: number): Promise<void>
}

/** The variable that marks a child and all it starts, also what leaves its group (`setsid`, a double fork). */
const markVariable = 'XJP_PROCESS'

/** One guard for the whole gateway, started with the first child. */
const guard = new ProcessGuard((command, environment) => {
  const child = Bun.spawn({
    cmd: command,
    env: environment,
    cwd: '/',
    detached: true,
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
  })
  // The guard outlives us by a moment; it must not keep us alive.
  child.unref()
  return {
    write(text) {
      child.stdin.write(text)
      // A guard that died is replaced with the next child (`exited`); what it missed is told to its successor.
      Promise.resolve(child.stdin.flush()).catch(() => {})
    },
    exited: child.exited,
  }
})

/** Starts a child; throws what the system says (`ENOENT`, `EACCES` …) when it cannot. */
export function spawnChild(options: ChildOptions): Child {
  guard.expect(options.id)
  const child = start(options)
  guard.watch(options.id, child.pid)
  let timer: ReturnType<typeof setTimeout> | undefined
  let hasExited = false
  const exited = child.exited.then((): Outcome => {
    hasExited = true
    clearTimeout(timer)
    return { code: child.exitCode, signal: child.signalCode === null ? null : String(child.signalCode) }
  })
  const handle: Child = {
    pid: child.pid,
    output: child.stdout.getReader(),
    errors: child.stderr.getReader(),
    exited,
    end(graceMs) {
      if (hasExited || timer) return
      signalGroup(child.pid, 'SIGTERM')
      timer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs)
    },
    sweep() {
      signalGroup(child.pid, 'SIGKILL')
      guard.release(options.id)
    },
    async close(graceMs) {
      handle.end(graceMs)
      await exited
      handle.sweep()
    },
  }
  return handle
}

function start(options: ChildOptions) {
  try {
    return Bun.spawn({
      cmd: [...options.command],
      env: { ...options.environment, [markVariable]: options.id },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      detached: true,
      stdin: options.input,
      stdout: 'pipe',
      stderr: 'pipe',
    })
  } catch (thrown) {
    guard.release(options.id)
    throw thrown
  }
}

/** A group that is gone already is what we want. */
function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // ESRCH: nobody is left in it.
  }
}
