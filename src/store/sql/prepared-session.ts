import { StoreUnavailable } from '../ports/unavailable.ts'
import type { SqlBackend, SqlSession, Work } from './backend.ts'
import type { SqlKind } from './column-types.ts'
import type { MigrationReport } from './migrate.ts'
import { NewerSchema } from './newer-schema.ts'

/** How long a migration that a store's use began waits for another process; the use itself waits much less. */
const BACKGROUND_WAIT_MS = 60 * 60_000

/** Sees to it, before the first use, that the tables are there: also when the database comes up long after us. */
export class PreparedSession implements SqlSession {
  readonly #backend: SqlBackend
  readonly #timeoutMs: number
  readonly #migrate: (waitMs: number) => Promise<MigrationReport>
  #isPrepared = false
  #preparing: Promise<MigrationReport> | undefined

  constructor(backend: SqlBackend, timeoutMs: number, migrate: (waitMs: number) => Promise<MigrationReport>) {
    this.#backend = backend
    this.#timeoutMs = timeoutMs
    this.#migrate = migrate
  }

  get kind(): SqlKind {
    return this.#backend.kind
  }

  async read<Value>(work: Work<Value>): Promise<Value> {
    if (!this.#isPrepared) await this.#soon()
    return await this.#backend.read(work)
  }

  async write<Value>(work: Work<Value>, options?: { durable?: boolean }): Promise<Value> {
    if (!this.#isPrepared) await this.#soon()
    return await this.#backend.write(work, options)
  }

  /** Whatever is under way already is waited for, with the time it was begun with. */
  prepare(waitMs: number): Promise<MigrationReport> {
    this.#preparing ??= this.#migrate(waitMs)
      .then((report) => {
        this.#isPrepared = true
        return report
      })
      .finally(() => {
        this.#preparing = undefined
      })
    return this.#preparing
  }

  /** A migration may take minutes; a call does not wait for it. */
  async #soon(): Promise<void> {
    const preparing = this.prepare(BACKGROUND_WAIT_MS)
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new StoreUnavailable('database', 'the database is being migrated')),
        this.#timeoutMs,
      )
    })
    try {
      await Promise.race([preparing, late])
    } catch (thrown) {
      throw thrown instanceof NewerSchema
        ? new StoreUnavailable('database', thrown.message, { cause: thrown })
        : thrown
    } finally {
      clearTimeout(timer)
    }
  }
}
