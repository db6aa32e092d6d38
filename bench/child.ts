import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onMeasuredCore } from './pinning.ts'

/** A started server that can be measured and must be stopped. */
export interface Server {
  port: number
  /** The process whose time and memory count. */
  pid: number
  /** Header lines every request to it needs, each with its line end. */
  headers?: string
  stop(): Promise<void>
}

export interface ChildOptions {
  command: readonly string[]
  environment?: Record<string, string>
  /** Matches its output once it listens; the first group is the port. Absent: it listens when `port` answers. */
  ready?: RegExp
  port?: number
}

const START_MILLISECONDS = 15_000

/** Starts a server on the measured core, its output in a file, and waits until it listens. */
export async function startChild(options: ChildOptions): Promise<Server & { directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'xjp-bench-'))
  const output = join(directory, 'output.log')
  const child = Bun.spawn(onMeasuredCore(options.command), {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', HOME: directory, ...options.environment },
    stdin: 'ignore',
    stdout: Bun.file(output),
    stderr: Bun.file(join(directory, 'error.log')),
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const killer = setTimeout(() => child.kill('SIGKILL'), 3_000)
    await child.exited
    clearTimeout(killer)
    rmSync(directory, { recursive: true, force: true })
  }
  for (let waited = 0; waited < START_MILLISECONDS && child.exitCode === null; waited += 20) {
    const port = options.ready ? portIn(output, options.ready) : await listening(options.port ?? 0)
    if (port !== undefined) return { port, pid: child.pid, directory, stop }
    await Bun.sleep(20)
  }
  const error = read(join(directory, 'error.log')) || read(output)
  await stop()
  throw new Error(`${options.command.join(' ')} did not start: ${error.slice(0, 2_000)}`)
}

function portIn(file: string, ready: RegExp): number | undefined {
  const port = ready.exec(read(file))?.[1]
  return port === undefined ? undefined : Number(port)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

async function listening(port: number): Promise<number | undefined> {
  try {
    const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data: () => {} } })
    socket.terminate()
    return port
  } catch {
    return undefined
  }
}

/** A port that was free a moment ago, for a server that cannot choose one itself. */
export function freePort(): number {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => {} } })
  const { port } = server
  server.stop(true)
  return port
}
