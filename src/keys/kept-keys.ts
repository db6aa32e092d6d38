import { readFileSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import type { KeyRecord } from '../store/ports/keys.ts'

/** Keys as the store knew them at a revision. */
export interface KeptState {
  revision: number
  keys: readonly KeyRecord[]
}

interface KeptParts {
  file: string
  /** Names the store without its secrets: keys of another database must never be let in. */
  database: string
  onError?(reason: string): void
}

/** Older ones are not believed any more. */
const MAXIMUM_AGE = 24 * 3_600_000
const SHORTEST_PAUSE = 1_000
/** Writing takes at most a hundredth of the time, however many keys there are. */
const COST_FACTOR = 100
/** Also without changes, so that the age stays small as long as the store answers. */
const LONGEST_PAUSE = 600_000
const LINES_AT_ONCE = 500

const count = z.number().min(0)
const amount = z
  .string()
  .regex(/^\d{1,30}$/)
  .transform(BigInt)
const hash = z.string().regex(/^[0-9a-f]{64}$/)

const limits = z.object({
  requestsPerMinute: count.optional(),
  burst: count.optional(),
  requestsPerDay: count.optional(),
  tokensPerMinute: count.optional(),
  tokensPerDay: count.optional(),
  concurrency: count.optional(),
  budgetPerDay: amount.optional(),
  budgetPerWeek: amount.optional(),
  budgetPerMonth: amount.optional(),
})

const record = z.object({
  id: z.string(),
  hash,
  prefix: z.string(),
  tenant: z.string(),
  description: z.string(),
  scopes: z.array(z.string()),
  limits,
  unlimitedRequests: z.boolean(),
  tags: z.record(z.string(), z.string()),
  enabled: z.boolean(),
  createdAt: count,
  expiresAt: count.optional(),
  previousHash: hash.optional(),
  previousUntil: count.optional(),
  revision: count,
}) satisfies z.ZodType<KeyRecord>

const head = z.object({
  format: z.literal(1),
  database: z.string(),
  savedAt: count,
  revision: count,
  keys: count,
})

/**
 * The known keys in a file of the data directory (hashes and limits, never a key), so that a restart while the
 * database is down serves those who have one (promise F1). It is only ever read at the start.
 */
export class KeptKeys {
  readonly #parts: KeptParts
  #writtenAt = Number.NEGATIVE_INFINITY
  #cost = 0

  constructor(parts: KeptParts) {
    this.#parts = parts
  }

  /** Undefined when there is nothing that can be believed: no file, a broken, an old one, another database's. */
  read(now: number): KeptState | undefined {
    try {
      const [first = '', ...lines] = readFileSync(this.#parts.file, 'utf8').trimEnd().split('\n')
      const { database, savedAt, revision, keys } = head.parse(JSON.parse(first))
      const isOurs = database === this.#parts.database && keys === lines.length
      // One from the future is as doubtful as an old one.
      if (!isOurs || Math.abs(now - savedAt) > MAXIMUM_AGE) return undefined
      return { revision, keys: lines.map((line) => record.parse(JSON.parse(line))) }
    } catch {
      return undefined
    }
  }

  isDue(now: number, isDirty: boolean): boolean {
    const passed = now - this.#writtenAt
    return (
      passed >= LONGEST_PAUSE || (isDirty && passed >= Math.max(SHORTEST_PAUSE, COST_FACTOR * this.#cost))
    )
  }

  /** Whole or not at all. Never rejects. */
  async write(state: KeptState, now: number): Promise<void> {
    const { file, database, onError } = this.#parts
    const began = performance.now()
    this.#writtenAt = now
    const temporary = `${file}.${process.pid}`
    try {
      const { revision, keys } = state
      let text = line({ format: 1, database, savedAt: now, revision, keys: keys.length })
      for (let from = 0; from < keys.length; from += LINES_AT_ONCE) {
        for (const key of keys.slice(from, from + LINES_AT_ONCE)) text += line(key)
        // Between two portions calls are served.
        await setImmediate()
      }
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      await writeFile(temporary, text, { mode: 0o600 })
      await rename(temporary, file)
    } catch (thrown) {
      await rm(temporary, { force: true }).catch(() => {})
      onError?.(thrown instanceof Error ? thrown.message : String(thrown))
    }
    this.#cost = performance.now() - began
  }
}

function line(value: object): string {
  return `${JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? String(member) : member))}\n`
}
