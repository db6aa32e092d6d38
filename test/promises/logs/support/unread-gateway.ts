import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { until } from './records.ts'

const root = resolve(import.meta.dir, '../../../..')

/** A gateway whose standard output is a pipe that is read only when a test wants it. */
export interface UnreadGateway {
  url: string
  pid: number
  /** Reads so many bytes at most of what waits in the pipe; gives how many there were. */
  read(bytes: number): number
  /** The reader leaves: every further write fails. */
  leave(): void
  close(): Promise<void>
}

/** Starts `xjp-gateway serve` and reads its first line, and nothing more. */
export async function startUnread(toml: string, env: Record<string, string>): Promise<UnreadGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'xjp-unread-'))
  const [pipe, config] = [join(folder, 'stdout'), join(folder, 'xjp.toml')]
  Bun.spawnSync(['mkfifo', pipe])
  writeFileSync(config, toml)
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(pipe, constants.O_WRONLY)
  const address = ['--host', '127.0.0.1', '--port', '0', '--data-dir', join(folder, 'data')]
  const child: ChildProcess = spawn(
    process.execPath,
    [join(root, 'src/cli/main.ts'), 'serve', ...address, '--config', config],
    { cwd: folder, env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: ['ignore', writer, 'ignore'] },
  )
  closeSync(writer)
  const exited = new Promise<void>((done) => child.once('exit', () => done()))
  let isOpen = true
  let first = ''
  const buffer = Buffer.alloc(64 * 1024)
  const read = (bytes: number): number => {
    try {
      return readSync(reader, buffer, 0, Math.min(bytes, buffer.length), null)
    } catch {
      return 0
    }
  }
  await until(() => {
    first += buffer.toString('utf8', 0, read(1))
    return first.endsWith('\n')
  }, 'the line with the address')
  return {
    url: /http:\S+/.exec(first)?.[0] ?? '',
    pid: child.pid ?? 0,
    read,
    leave: () => {
      if (isOpen) closeSync(reader)
      isOpen = false
    },
    close: async () => {
      child.kill('SIGKILL')
      await exited
      if (isOpen) closeSync(reader)
      rmSync(folder, { recursive: true })
    },
  }
}
