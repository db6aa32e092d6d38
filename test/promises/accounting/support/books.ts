import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import type { Entry, Ledger } from '../../../rig/ledger.ts'
import { testPostgres } from '../../../support/services/postgres.ts'

/** A row as `xjp-gateway usage --rows --json` prints it. */
export interface Row extends Amounts {
  id: string
  request_id: string
  tenant: string
  key: string | null
  endpoint: string
  model: string
  provider: string | null
  stream: boolean
  status: number
  error_type: string | null
  end_reason: string
  usage_source: string
  price_version: string | null
  replay: boolean
  stream_bytes: number
  attempts: (Amounts & {
    attempt: number
    provider: string
    model: string
    status: number
    usage_source: string
  })[]
}

export interface Amounts {
  prompt_tokens: number
  completion_tokens: number
  cached_tokens: number
  cache_write_tokens: number
  reasoning_tokens: number
  cost_usd: number
}

export interface Books extends Amounts {
  requests: number
  rows: Row[]
  groups: (Amounts & { requests: number; model?: string; day?: string; tenant?: string; key?: string })[]
}

/** Where the rows end up. */
export interface Backend {
  name: string
  /** Environment of the gateway and of the commands. */
  environment(): Promise<Record<string, string>>
}

export const sqlite: Backend = { name: 'SQLite', environment: () => Promise.resolve({}) }
export const postgres: Backend = {
  name: 'PostgreSQL',
  environment: async () => ({ DATABASE_URL: await (await testPostgres()).freshUrl() }),
}
export const backends: readonly Backend[] = [sqlite, postgres]

const program = resolve(import.meta.dir, '../../../../src/cli/main.ts')

/** Runs the gateway's own command, as an operator would. */
export async function command(args: readonly string[], environment: Record<string, string>): Promise<string> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const code = await new Promise<number | null>((done) => child.once('close', done))
  if (code !== 0) throw new Error(`xjp-gateway ${args.join(' ')} ended with ${code}: ${errors}`)
  return output
}

/** What `usage` says of a data directory. */
export async function readBooks(
  dataDirectory: string,
  environment: Record<string, string>,
  args: readonly string[] = ['--rows', '--limit', '1000000'],
): Promise<Books> {
  const text = await command(['usage', ...args, '--json', '--data-dir', dataDirectory], environment)
  return JSON.parse(text) as Books
}

/** How long rows may take into the database. A machine that is busy with other things is slow at that too. */
const ARRIVAL_MS = 60_000

/** The books as soon as they have so many rows, or as they are when these do not come. */
export async function readFullBooks(
  dataDirectory: string,
  environment: Record<string, string>,
  rows: number,
): Promise<Books> {
  const late = performance.now() + ARRIVAL_MS
  for (;;) {
    const books = await readBooks(dataDirectory, environment)
    if (books.rows.length >= rows || performance.now() > late) return books
  }
}

/** The word that a test puts into a prompt, so that its request is known in the ledger and in the books. */
export function wordOf(serial: number): string {
  return `w${String(serial).padStart(7, '0')}w`
}

const WORD = /w\d{7}w/

/** What the upstream saw, by word. */
export function entriesByWord({ entries }: Ledger): Map<string, Entry[]> {
  return grouped(entries, (entry) => WORD.exec(entry.body)?.[0])
}

export function rowsByRequest({ rows }: Books): Map<string, Row[]> {
  return grouped(rows, (row) => row.request_id)
}

function grouped<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string | undefined,
): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const name = nameOf(item)
    if (name === undefined) continue
    const group = groups.get(name)
    if (group) group.push(item)
    else groups.set(name, [item])
  }
  return groups
}

/** Runs work with so many at a time. */
export async function crowd(
  count: number,
  most: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: most }, worker))
}
