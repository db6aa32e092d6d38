import { appendFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Snapshot } from '../config/snapshot.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { UsageRow, UsageStore } from '../store/ports/usage.ts'
import { Inserter } from './inserter.ts'
import { interruptedRow } from './interrupted.ts'
import { Journal } from './journal.ts'
import { type Intent, settleLine } from './journal-record.ts'
import type { UsageLog } from './log.ts'
import { BEAT_MILLISECONDS, beat, claimFolder, leaveFolder } from './owner.ts'
import { abandonedBytes, recover } from './recovery.ts'
import { Retention } from './retention.ts'
import { Shipper } from './shipper.ts'

export interface LedgerOptions {
  /** Where the gateway writes everything. */
  dataDirectory: string
  store: UsageStore
  /** The configuration that is live now. */
  snapshot(): Snapshot
  /** Milliseconds since 1970. */
  now(): number
  /** A fresh id of letters and digits. */
  newId(): string
  log: UsageLog
  /** Rows a batch into the store, at most. Default 1,000. */
  batchRows?: number
}

export interface LedgerHealth {
  /** `waiting`: rows wait for the store. `full`, `unwritable`: new calls are refused. */
  state: 'ok' | 'waiting' | 'full' | 'unwritable'
  /** Bytes of the journal, of gateways that are gone too. */
  bytes: number
  /** Rows of this gateway that are not in the store yet, and for how long the oldest has waited, at most. */
  rows: number
  lagMs: number
  /** Milliseconds since the store took rows last; absent while it does. */
  storeFailingMs?: number
}

export const JOURNAL_FOLDER = 'journal'
/** Rows that the store refused for good, one JSON line each. */
const SET_ASIDE = 'refused.log'
const MAXIMUM_SEGMENT_BYTES = 8 * 1024 * 1024
/** A journal that may hold little has small segments, so that letting one go makes a difference. */
const SEGMENTS = 8
const RECOVERY_MILLISECONDS = 30_000

/** The whole way of a usage row: journal, shipping, recovery of what others left, retention. */
export class Ledger {
  readonly #options: LedgerOptions
  readonly #root: string
  readonly #folder: string
  readonly #name: string
  readonly #journal: Journal
  readonly #shipper: Shipper
  readonly #retention: Retention
  readonly #inserter: Inserter
  #abandoned = 0
  /** The last beat failed; said once. */
  #isHomeless = false
  #beating: ReturnType<typeof setInterval> | undefined
  #recovering: ReturnType<typeof setTimeout> | undefined
  #recovery: Promise<void> | undefined

  constructor(options: LedgerOptions) {
    const { dataDirectory, store, snapshot, now, newId, log, batchRows = 1_000 } = options
    this.#options = options
    this.#name = newId()
    this.#root = join(dataDirectory, JOURNAL_FOLDER)
    this.#folder = join(this.#root, this.#name)
    claimFolder(this.#folder)
    const segmentBytes = Math.min(MAXIMUM_SEGMENT_BYTES, snapshot().usage.journalMaxBytes / SEGMENTS)
    this.#journal = new Journal({ folder: this.#folder, segmentBytes })
    this.#inserter = inserterFor(this.#root, store, log)
    const { folder, journal, inserter } = {
      folder: this.#folder,
      journal: this.#journal,
      inserter: this.#inserter,
    }
    this.#shipper = new Shipper({ journal, folder, inserter, log, batchRows })
    this.#retention = new Retention({ store, days: () => snapshot().usage.retentionDays, now, log })
  }

  /** Begins to look after what dead gateways left, now and every half minute, and after old rows. */
  start(beatMilliseconds = BEAT_MILLISECONDS): void {
    this.#beating = setInterval(() => this.#beat(), beatMilliseconds)
    this.#beating.unref()
    this.#recoverSoon(0)
    this.#retention.start()
  }

  get health(): LedgerHealth {
    const { failingSince } = this.#shipper
    const { rows, lagMs } = this.#shipper.waiting
    const waits = failingSince !== undefined && rows > 0
    return {
      state: this.#refusal() ?? (waits ? 'waiting' : 'ok'),
      bytes: this.#bytes,
      rows,
      lagMs,
      ...(failingSince === undefined ? {} : { storeFailingMs: performance.now() - failingSince }),
    }
  }

  get #bytes(): number {
    return this.#journal.bytes + this.#abandoned
  }

  /** Whether there is room for what a new call will need. */
  get hasRoom(): boolean {
    return !this.#journal.isStuck && this.#bytes <= this.#options.snapshot().usage.journalMaxBytes
  }

  /** Throws 503 while there is none. */
  checkRoom(): void {
    if (!this.hasRoom) throw refused(this.#journal.isStuck ? 'unwritable' : 'full')
  }

  /** Resolves when written; rejects with 503 when the disk does not take it, and then the attempt must not be made. */
  async intent(intent: Intent): Promise<void> {
    try {
      await this.#journal.intent(intent)
    } catch (thrown) {
      throw refused('unwritable', thrown)
    }
  }

  /** Written within milliseconds, in the store within a moment. */
  settle(row: UsageRow, attempts?: number): void {
    this.#journal.settle(row, attempts)
    this.#shipper.add(row)
  }

  /**
   * Waits until everything settled is in the store, with what is just being taken over from a gateway that is gone; false
   * after the time.
   */
  async flush(milliseconds: number): Promise<boolean> {
    const deadline = performance.now() + milliseconds
    const isTakenOver = this.#recovery === undefined || (await inTime(this.#recovery, milliseconds))
    return (await this.#shipper.flush(deadline - performance.now())) && isTakenOver
  }

  /** Ships what it can in the time; the rest stays in the journal for whoever starts next. */
  async stop(milliseconds: number): Promise<void> {
    clearInterval(this.#beating)
    clearTimeout(this.#recovering)
    this.#retention.stop()
    const isThrough = await this.#shipper.flush(milliseconds)
    this.#shipper.stop()
    const isDone = isThrough && !this.#journal.isWaiting && this.#journal.openIntents === 0
    this.#journal.close()
    try {
      if (isDone) rmSync(this.#folder, { recursive: true, force: true })
      else leaveFolder(this.#folder)
    } catch {
      // Whoever looks after it sees that this process is gone.
    }
  }

  #refusal(): 'full' | 'unwritable' | undefined {
    if (this.#journal.failure) return 'unwritable'
    return this.hasRoom ? undefined : 'full'
  }

  /** Its trouble with the disk must not end the process; calls hear of it when they are written down. */
  #beat(): void {
    const { now, log } = this.#options
    try {
      if (!beat(this.#folder, now())) {
        log.error("the folder of this gateway's usage journal was taken away; it is made again")
        claimFolder(this.#folder)
        this.#journal.restart()
      }
      this.#isHomeless = false
    } catch (thrown) {
      if (!this.#isHomeless)
        log.error('the folder of the usage journal cannot be kept', {
          error: thrown instanceof Error ? thrown.message : String(thrown),
        })
      this.#isHomeless = true
    }
  }

  #recoverSoon(milliseconds: number): void {
    this.#recovering = setTimeout(() => {
      this.#recovery ??= this.#recover().finally(() => {
        this.#recovery = undefined
        this.#recoverSoon(RECOVERY_MILLISECONDS)
      })
    }, milliseconds)
    this.#recovering.unref()
  }

  /** What cannot be done now is done in half a minute, or by another gateway. */
  async #recover(): Promise<void> {
    const { now, log, snapshot } = this.#options
    const options = {
      root: this.#root,
      own: this.#name,
      inserter: this.#inserter,
      interruptedRow: (intents: readonly Intent[]) => interruptedRow(intents, snapshot()),
      now,
      log,
    }
    try {
      this.#abandoned = abandonedBytes(options)
      await recover(options)
      this.#abandoned = 0
    } catch (thrown) {
      log.warn('the usage journal of a gateway that is gone waits', {
        error: thrown instanceof Error ? thrown.message : String(thrown),
        journal_bytes: this.#abandoned,
      })
    }
  }
}

/** False after the time. */
async function inTime(work: Promise<void>, milliseconds: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => late.resolve(false), milliseconds)
  try {
    return await Promise.race([work.then(() => true), late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Puts rows into a store; what it refuses for good goes into a file beside the journal. */
export function inserterFor(root: string, store: UsageStore, log: UsageLog): Inserter {
  return new Inserter(
    store,
    (row) => appendFileSync(join(root, SET_ASIDE), settleLine(row), { mode: 0o600 }),
    log,
  )
}

/** The code of an attempt that was refused because it could not be written down. */
export const UNWRITABLE = 'usage_journal_unwritable'

const reasons = {
  full: 'The journal of usage is full while the database cannot be reached (usage.journal_max_bytes)',
  unwritable: 'The journal of usage cannot be written',
}

function refused(why: keyof typeof reasons, cause?: unknown): GatewayError {
  return new GatewayError('unavailable', `${reasons[why]}; no metered calls are taken until it can`, {
    code: why === 'full' ? 'usage_journal_full' : UNWRITABLE,
    retryAfterSeconds: 5,
    ...(cause === undefined ? {} : { cause }),
  })
}
