import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, lchownSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { askDesk } from './ask-desk.ts'
import { installOrExplain } from './install.ts'
import {
  asUser,
  findProgram,
  freePort,
  removeFolder,
  runToEnd,
  type Server,
  signalTree,
  startServer,
  temporaryFolder,
  type User,
  unprivilegedUser,
  untilGone,
  untilReady,
} from './processes.ts'
import { noteForReport } from './report.ts'

/** A PostgreSQL that all tests of a run share: take databases of your own, and never stop it. */
export interface SharedPostgres {
  version: string
  /** Makes an empty database: `postgres://…/xjp_test_…`. */
  freshUrl(): Promise<string>
}

/** A PostgreSQL of a test's own, which it may stop, freeze and kill. */
export interface OwnPostgres {
  /** Of an empty database; the password is in it. */
  readonly url: string
  readonly port: number
  /** Of the postmaster. */
  readonly pid: number
  freshUrl(): Promise<string>
  /** `fast` ends the sessions and writes everything out, `immediate` is like a crash that it recovers from. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** On the same port, with its data. */
  start(): Promise<void>
  /** SIGSTOP to it and all its sessions: connections stand, nothing is answered. */
  freeze(): void
  thaw(): void
  /** SIGKILL to it and all its sessions. */
  kill(): Promise<void>
  /** Resolves when the process that was started first has ended. */
  readonly exited: Promise<unknown>
  /** Ends it for good and removes its folder. */
  close(): Promise<void>
}

const USER = 'postgres'
const PASSWORD = 'for-tests-only'

let shared: Promise<SharedPostgres> | undefined

/** The server of `TEST_DATABASE_URL`, else one that is started once for this run. */
export function testPostgres(): Promise<SharedPostgres> {
  // The runner ends what a test has started that takes too long; the next one starts anew.
  shared ??= openShared().catch((thrown: unknown) => {
    shared = undefined
    throw thrown
  })
  return shared
}

async function openShared(): Promise<SharedPostgres> {
  const given = process.env['TEST_DATABASE_URL']
  const url = given ?? (await askDesk('postgres')) ?? (await sharedServer()).url
  if (given !== undefined) await dropLeftovers(given)
  const version = await postgresVersion(url)
  noteForReport(
    `PostgreSQL ${version} (${given === undefined ? 'started by the tests' : 'TEST_DATABASE_URL'})`,
  )
  return { version, freshUrl: () => freshDatabase(url) }
}

async function sharedServer(): Promise<OwnPostgres> {
  const server = await ownPostgres()
  void server.exited.then(() => {
    shared = undefined
  })
  return server
}

/** Starts a server for one test; `settings` as in postgresql.conf. */
export async function ownPostgres(settings: Readonly<Record<string, string>> = {}): Promise<OwnPostgres> {
  const programs = postgresPrograms()
  const user = unprivilegedUser()
  const folder = temporaryFolder('postgres', user)
  const data = join(folder, 'data')
  copyCluster((await askDesk('cluster')) ?? (await emptyCluster()), data, user)
  const port = await freePort()
  const url = `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`
  let server: Server | undefined
  const start = async (): Promise<void> => {
    const next = startServer(
      [join(programs, 'postgres'), '-D', data, ...options(port, folder, settings)],
      folder,
      user,
    )
    server = next
    await untilReady(async () => void (await postgresVersion(url)), next)
  }
  const end = async (signal: NodeJS.Signals, whole: boolean): Promise<void> => {
    const running = server
    if (!running) return
    server = undefined
    signalTree(running.child.pid, 'SIGCONT')
    const all = whole ? signalTree(running.child.pid, signal) : []
    if (!whole) running.child.kill(signal)
    await running.exited
    // Its shared memory is in use until the last session is gone.
    await untilGone(all)
  }
  await start()
  return {
    url,
    exited: server?.exited ?? Promise.resolve(),
    port,
    get pid() {
      return server?.child.pid ?? 0
    },
    freshUrl: () => freshDatabase(url),
    start,
    stop: (mode = 'fast') => end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT', false),
    kill: () => end('SIGKILL', true),
    freeze: () => signalTree(server?.child.pid, 'SIGSTOP'),
    thaw: () => signalTree(server?.child.pid, 'SIGCONT'),
    async close() {
      await end('SIGKILL', true)
      removeFolder(folder)
    },
  }
}

function options(port: number, folder: string, settings: Readonly<Record<string, string>>): string[] {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    max_connections: '200',
    shared_buffers: '32MB',
    // Survives the death of the server, not of the machine; the tests end no machines.
    fsync: 'off',
    ...settings,
  }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

let cluster: Promise<string> | undefined

/** The folder of one that is made once for a process and copied for every server: `initdb` takes seconds. */
export function emptyCluster(): Promise<string> {
  cluster ??= makeCluster()
  return cluster
}

async function makeCluster(): Promise<string> {
  const user = unprivilegedUser()
  const folder = temporaryFolder('cluster', user)
  const secret = join(folder, 'password')
  writeFileSync(secret, PASSWORD)
  const data = join(folder, 'data')
  const command = [
    join(postgresPrograms(), 'initdb'),
    ...['-D', data, '--auth=scram-sha-256', `--pwfile=${secret}`, '-U', USER],
    ...['-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
  ]
  runToEnd(asUser(command, user), { cwd: folder })
  return data
}

function copyCluster(from: string, to: string, user: User | undefined): void {
  cpSync(from, to, { recursive: true, preserveTimestamps: true })
  if (!user) return
  lchownSync(to, user.uid, user.gid)
  for (const name of readdirSync(to, { recursive: true, encoding: 'utf8' }))
    lchownSync(join(to, name), user.uid, user.gid)
}

/** The folder with `postgres` and `initdb`: the PATH's, else the newest of Debian's. */
function postgresPrograms(): string {
  const found = findPrograms()
  if (found !== undefined) return found
  installOrExplain('PostgreSQL', ['postgresql'], 'TEST_DATABASE_URL')
  const installed = findPrograms()
  if (installed === undefined) throw new Error('PostgreSQL is not there although its package was installed')
  return installed
}

function findPrograms(): string | undefined {
  const onPath = findProgram(['initdb'])
  if (onPath !== undefined && existsSync(join(onPath, '..', 'postgres'))) return join(onPath, '..')
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')))
}

async function withClient<Value>(url: string, work: (client: Client) => Promise<Value>): Promise<Value> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function postgresVersion(url: string): Promise<string> {
  const result = await withClient(url, (client) =>
    client.query<{ server_version: string }>('show server_version'),
  )
  return result.rows[0]?.server_version.split(' ')[0] ?? 'unknown'
}

/** Names of databases carry the hour they were made in, so that a later run knows what an earlier one left. */
const databaseName = /^xjp_test_(\d+)_[0-9a-f]+$/
const hour = (): number => Math.floor(Date.now() / 3_600_000)

async function freshDatabase(url: string): Promise<string> {
  const name = `xjp_test_${hour()}_${randomBytes(6).toString('hex')}`
  await withClient(url, (client) => client.query(`create database ${name} template template0`))
  const address = new URL(url)
  address.pathname = `/${name}`
  return address.href
}

/** On a server that outlives the run, databases of earlier runs are removed by a later one. */
async function dropLeftovers(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database')
    for (const { datname } of rows) {
      const made = databaseName.exec(datname)?.[1]
      if (made !== undefined && Number(made) < hour() - 2)
        await client.query(`drop database if exists ${datname} with (force)`)
    }
  })
}
