import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { forget, sweepFolder, sweepProcess } from './sweeper.ts'

/** A folder that is gone when the tests end; `owner` may write to it. */
export function temporaryFolder(name: string, owner?: { uid: number; gid: number }): string {
  const folder = mkdtempSync(join(tmpdir(), `xjp-${name}-`))
  sweepFolder(folder)
  if (owner) chownSync(folder, owner.uid, owner.gid)
  return folder
}

export function removeFolder(folder: string): void {
  forget(folder)
  rmSync(folder, { recursive: true, force: true })
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** The first of some programs that is there: by its name on the PATH, or by its full path. */
export function findProgram(names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':').concat('/usr/local/sbin', '/usr/sbin', '/sbin')
  for (const name of names) {
    if (name.includes('/')) {
      if (existsSync(name)) return name
      continue
    }
    const folder = folders.find((candidate) => candidate !== '' && existsSync(join(candidate, name)))
    if (folder !== undefined) return join(folder, name)
  }
  return undefined
}

/** A running server: what it wrote, and whether it still runs. */
export interface Server {
  readonly child: ChildProcess
  output(): string
  readonly exited: Promise<number | null>
}

/**
 * Starts a server that ends with this process, however that ends. `user`: run as somebody else, for programs that
 * refuse to be root.
 */
export function startServer(command: readonly string[], cwd: string, user?: User): Server {
  const [program = '', ...args] = asUser(command, user)
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-8_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const { pid } = child
  if (pid !== undefined) sweepProcess(pid)
  const exited = new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      text += String(error)
      resolve(null)
    })
    child.on('exit', (code) => {
      if (pid !== undefined) forget(pid)
      resolve(code)
    })
  })
  // A test is over when its own work is, not when the server is.
  child.unref()
  for (const stream of [child.stdout, child.stderr]) (stream as Socket | null)?.unref()
  return { child, output: () => text, exited }
}

export interface User {
  name: string
  uid: number
  gid: number
}

/** Whom a server that refuses to be root runs as; undefined when this process is not root. */
export function unprivilegedUser(): User | undefined {
  if (userInfo().uid !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((entry) => entry.startsWith(`${name}:`))
    const [, , uid, gid] = line?.split(':') ?? []
    if (uid !== undefined && gid !== undefined) return { name, uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('PostgreSQL refuses to run as root, and neither "postgres" nor "nobody" is a user here')
}

/** A command as another user, by whichever program can do that. */
export function asUser(command: readonly string[], user: User | undefined): string[] {
  if (!user) return [...command]
  const setpriv = findProgram(['setpriv'])
  if (setpriv)
    return [setpriv, `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--', ...command]
  const runuser = findProgram(['runuser'])
  if (runuser) return [runuser, '-u', user.name, '--', ...command]
  throw new Error('PostgreSQL refuses to run as root, and neither setpriv nor runuser is here')
}

/** Signals a process and all its children, the parent first, so that it starts no new ones meanwhile; gives them all. */
export function signalTree(pid: number | undefined, signal: NodeJS.Signals): number[] {
  if (pid === undefined) return []
  const all = [pid, ...descendants(pid)]
  for (const each of all) {
    try {
      process.kill(each, signal)
    } catch {
      // It has ended by itself.
    }
  }
  return all
}

/** Resolves when none of some processes runs any more: a killed one goes when the kernel comes to it. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  const runs = (pid: number): boolean => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z'
    } catch {
      return false
    }
  }
  while (pids.some(runs)) await new Promise((resolve) => setTimeout(resolve, 5))
}

function descendants(parent: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const of = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      children.set(of, [...(children.get(of) ?? []), Number(name)])
    } catch {
      // It has ended since the folder was read.
    }
  }
  const below = (pid: number): number[] => (children.get(pid) ?? []).flatMap((each) => [each, ...below(each)])
  return below(parent)
}

/** Runs a program to its end; throws with what it wrote when it fails. */
export function runToEnd(
  command: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): string {
  const [program = '', ...args] = command
  const done = spawnSync(program, args, { encoding: 'utf8', ...options })
  if (done.status !== 0)
    throw new Error(
      `${command.join(' ')} failed (${done.status}): ${done.error ?? ''}${done.stdout}${done.stderr}`,
    )
  return done.stdout
}

/** Repeats until it succeeds; throws the last failure when the time is over or `server` has ended. */
export async function untilReady(try_: () => Promise<void>, server: Server, ms = 30_000): Promise<void> {
  const until = Date.now() + ms
  let ended = false
  void server.exited.then(() => {
    ended = true
  })
  for (;;) {
    try {
      return await try_()
    } catch (thrown) {
      if (ended || Date.now() > until)
        throw new Error(`${server.child.spawnfile} did not come up: ${String(thrown)}\n${server.output()}`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
}
