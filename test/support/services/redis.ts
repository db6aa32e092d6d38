import { randomBytes } from 'node:crypto'
import { createClient } from '@redis/client'
import { askDesk } from './ask-desk.ts'
import { installOrExplain } from './install.ts'
import {
  findProgram,
  freePort,
  removeFolder,
  type Server,
  signalTree,
  startServer,
  temporaryFolder,
  untilReady,
} from './processes.ts'
import { noteForReport } from './report.ts'

/** A Redis that all tests of a run share: keep to a prefix of your own, and never stop or flush it. */
export interface SharedRedis {
  /** `redis://127.0.0.1:PORT` */
  url: string
  version: string
  /** `xjp-test-…:`, another one with every call. */
  freshPrefix(): string
}

/** A Redis of a test's own, which it may stop, freeze and kill. It keeps nothing on disk. */
export interface OwnRedis {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Asks it to end (SIGTERM); its data is gone. */
  stop(): Promise<void>
  /** On the same port, empty. */
  start(): Promise<void>
  /** SIGSTOP: connections stand, nothing is answered. */
  freeze(): void
  thaw(): void
  /** SIGKILL: connections break, new ones are refused. */
  kill(): Promise<void>
  /** Resolves when the process that was started first has ended. */
  readonly exited: Promise<unknown>
  /** Ends it for good and removes what it left. */
  close(): Promise<void>
}

let shared: Promise<SharedRedis> | undefined

/** The server of `TEST_REDIS_URL`, else one that is started once for this run. */
export function testRedis(): Promise<SharedRedis> {
  // The runner ends what a test has started that takes too long; the next one starts anew.
  shared ??= openShared().catch((thrown: unknown) => {
    shared = undefined
    throw thrown
  })
  return shared
}

async function openShared(): Promise<SharedRedis> {
  const given = process.env['TEST_REDIS_URL']
  const url = given ?? (await askDesk('redis')) ?? (await sharedServer()).url
  const version = await redisVersion(url)
  noteForReport(`Redis ${version} (${given === undefined ? 'started by the tests' : 'TEST_REDIS_URL'})`)
  return { url, version, freshPrefix: () => `xjp-test-${randomBytes(6).toString('hex')}:` }
}

async function sharedServer(): Promise<OwnRedis> {
  const server = await ownRedis()
  void server.exited.then(() => {
    shared = undefined
  })
  return server
}

/** Starts a server for one test; `args` are added to its command line (`--maxmemory`, `1mb`). */
export async function ownRedis(args: readonly string[] = []): Promise<OwnRedis> {
  const program = redisProgram()
  const folder = temporaryFolder('redis')
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  let server: Server | undefined
  const start = async (): Promise<void> => {
    const command = [
      program,
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
    ]
    const next = startServer([...command, ...args], folder)
    server = next
    await untilReady(async () => void (await redisVersion(url)), next)
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = server
    if (!running) return
    server = undefined
    signalTree(running.child.pid, 'SIGCONT')
    signalTree(running.child.pid, signal)
    await running.exited
  }
  await start()
  return {
    url,
    exited: server?.exited ?? Promise.resolve(),
    port,
    get pid() {
      return server?.child.pid ?? 0
    },
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => signalTree(server?.child.pid, 'SIGSTOP'),
    thaw: () => signalTree(server?.child.pid, 'SIGCONT'),
    async close() {
      await end('SIGKILL')
      removeFolder(folder)
    },
  }
}

function redisProgram(): string {
  const names = ['redis-server', 'valkey-server']
  const found = findProgram(names)
  if (found) return found
  installOrExplain('Redis', ['redis-server'], 'TEST_REDIS_URL')
  const installed = findProgram(names)
  if (!installed) throw new Error('redis-server is not there although its package was installed')
  return installed
}

async function redisVersion(url: string): Promise<string> {
  const client = createClient({ url, socket: { reconnectStrategy: false, connectTimeout: 1_000 } })
  client.on('error', () => {})
  try {
    await client.connect()
    const info = await client.info('server')
    return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'
  } finally {
    client.destroy()
  }
}
