import { Database as SqliteFile } from 'bun:sqlite'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Client } from 'pg'
import { type Database, openDatabase } from '../../src/store/open.ts'
import type { NewKey } from '../../src/store/ports/keys.ts'
import type { UsageAmounts, UsageRow } from '../../src/store/ports/usage.ts'
import { testPostgres } from '../support/services/postgres.ts'
import { temporaryFolder } from '../support/services/processes.ts'
import { noteForReport } from '../support/services/report.ts'

/** A database that a suite has for itself; more processes may be played by opening it again. */
export interface OpenedDatabase {
  database: Database
  /** Another one on the same data, as another process has it. */
  again(): Database
  /** Removes all usage, past the stores. */
  empty(): Promise<void>
}

export interface DatabaseKind {
  name: string
  kind: Database['kind']
  /** Empty, not migrated. */
  open(): Promise<OpenedDatabase>
}

const settings = { poolSize: 5, timeoutMs: 10_000 }

/** Every database that the stores are written for: a suite runs against each. */
export const databaseKinds: readonly DatabaseKind[] = [
  {
    name: 'SQLite',
    kind: 'sqlite',
    async open() {
      const dataDir = join(temporaryFolder('sqlite'), 'data')
      const again = (): Database => openDatabase({ ...settings, dataDir })
      return { database: again(), again, empty: async () => emptySqlite(join(dataDir, 'xjp.sqlite')) }
    },
  },
  {
    name: 'PostgreSQL',
    kind: 'postgres',
    async open() {
      const url = await (await testPostgres()).freshUrl()
      const again = (): Database => openDatabase({ ...settings, url })
      return { database: again(), again, empty: () => emptyPostgres(url) }
    },
  },
]

const usageTables = ['usage_requests', 'usage_attempts', 'usage_days']

function emptySqlite(path: string): void {
  const file = new SqliteFile(path, { readwrite: true })
  for (const table of usageTables) file.run(`delete from ${table}`)
  file.close()
}

async function emptyPostgres(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(`truncate ${usageTables.join(', ')}`)
  await client.end()
}

/** Opens a database for a suite and says in the report of `npm test` that it ran. */
export async function openFor(suite: string, kind: DatabaseKind): Promise<OpenedDatabase> {
  noteForReport(`${suite}: ${kind.name}`)
  return await kind.open()
}

export function newKey(changes: Partial<NewKey> = {}): NewKey {
  const id = randomBytes(10).toString('hex')
  return {
    id: `key_${id}`,
    hash: randomBytes(32).toString('hex'),
    prefix: `XJP_${id.slice(0, 4)}`,
    tenant: 'acme',
    description: '',
    scopes: [],
    limits: {},
    unlimitedRequests: false,
    tags: {},
    enabled: true,
    createdAt: 1_763_700_000_000,
    ...changes,
  }
}

export const nothingUsed: UsageAmounts = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  cost: 0n,
}

export function newUsageRow(changes: Partial<UsageRow> = {}): UsageRow {
  return {
    ...nothingUsed,
    id: randomBytes(12).toString('hex'),
    requestId: 'req_1',
    tenant: 'acme',
    endpoint: 'chat-completions',
    model: 'demo/echo',
    stream: false,
    status: 200,
    endReason: 'complete',
    usageSource: 'reported',
    replay: false,
    startedAt: 1_763_700_000_000,
    milliseconds: 12.5,
    bytesSent: 100,
    tags: {},
    attempts: [],
    ...changes,
  }
}
