import { StoreUnavailable } from '../store/ports/unavailable.ts'
import type { UsageRow } from '../store/ports/usage.ts'
import { Backlog } from './backlog.ts'
import type { Inserter } from './inserter.ts'
import type { Journal, Position } from './journal.ts'
import type { UsageLog } from './log.ts'
import { readSegment, segmentPath } from './segments.ts'
import { writeShipped } from './shipped.ts'

export interface ShipperOptions {
  journal: Journal
  /** Folder of the journal's segments. */
  folder: string
  inserter: Inserter
  log: UsageLog
  /** Rows a batch, at most. */
  batchRows: number
}

/** Rows are gathered for this long; a report is never older. */
const GATHER_MILLISECONDS = 200
/** More rows than this are not kept in memory while the store is down: they are read from the journal again. */
const MAXIMUM_QUEUED = 10_000
const FIRST_WAIT_MILLISECONDS = 100
const LONGEST_WAIT_MILLISECONDS = 2_000
const HINT_MILLISECONDS = 1_000
/**
 * Calls come first: the store is given this many rows a second at most, which is a few per cent of the time. More calls
 * than that fill the journal, and it empties when they are fewer.
 */
const ROWS_PER_SECOND = 5_000
/** Above it, what keeps the journal from filling comes first. */
const HURRY_BYTES = 64 * 1024 * 1024
/** A batch that was too much for the store's time-out is tried again with half of its rows, down to this many. */
const FEWEST_ROWS = 50

/**
 * Carries settled rows from the journal into the store, in order and in batches, and lets go of the segments that are
 * through. While the store is down it waits and tries again; ids make it harmless that a batch arrives twice.
 */
export class Shipper {
  readonly #options: ShipperOptions
  #queue: UsageRow[] = []
  #batchRows: number
  /** Everything before it is in the store. */
  #through: Position
  /** Rows from `#through` on are read from the journal, because there were too many to keep. */
  #isBehind = false
  readonly #backlog = new Backlog()
  #running: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #wake: (() => void) | undefined
  #stopped = false
  /** Somebody waits for the rows to be in the store. */
  #flushing = 0
  #hintAt = 0
  /** Since when the store takes nothing, on the clock that never jumps. */
  failingSince: number | undefined

  constructor(options: ShipperOptions) {
    this.#options = options
    this.#batchRows = options.batchRows
    this.#through = options.journal.position
  }

  /** Settled rows that are not in the store, and for how long the oldest has waited, at most. */
  get waiting(): { rows: number; lagMs: number } {
    return { rows: this.#backlog.rows, lagMs: this.#backlog.lagMs(performance.now()) }
  }

  add(row: UsageRow): void {
    this.#backlog.settled(performance.now())
    if (!this.#isBehind) this.#queue.push(row)
    if (this.#queue.length > MAXIMUM_QUEUED && !this.#options.journal.isWaiting) this.#fallBehind()
    if (!this.#running) this.#timer ??= setTimeout(() => this.#start(), GATHER_MILLISECONDS)
  }

  /** Resolves true when everything settled so far is in the store, false after the time. */
  async flush(milliseconds: number): Promise<boolean> {
    this.#flushing += 1
    try {
      return await this.#flushed(performance.now() + milliseconds)
    } finally {
      this.#flushing -= 1
    }
  }

  async #flushed(deadline: number): Promise<boolean> {
    while (this.#queue.length > 0 || this.#isBehind) {
      const left = deadline - performance.now()
      if (left <= 0) return false
      this.#start()
      this.#wake?.()
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, left)
      await Promise.race([this.#running, late.promise])
      clearTimeout(timer)
    }
    return true
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#wake?.()
  }

  #fallBehind(): void {
    this.#isBehind = true
    this.#queue = []
    this.#backlog.rewound()
  }

  #start(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#running || this.#stopped) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async #run(): Promise<void> {
    let wait = FIRST_WAIT_MILLISECONDS
    while (!this.#stopped && (this.#queue.length > 0 || this.#isBehind)) {
      try {
        await (this.#isBehind ? this.#catchUp() : this.#shipQueue())
        this.#recovered()
        this.#batchRows = Math.min(this.#options.batchRows, this.#batchRows * 2)
        wait = FIRST_WAIT_MILLISECONDS
      } catch (thrown) {
        this.#failed(thrown)
        this.#batchRows = Math.max(Math.min(FEWEST_ROWS, this.#batchRows), Math.floor(this.#batchRows / 2))
        await this.#pause(wait)
        wait = Math.min(wait * 2, LONGEST_WAIT_MILLISECONDS)
      }
    }
  }

  /** Everything that is settled now; what comes meanwhile is the next round's. */
  async #shipQueue(): Promise<void> {
    const { journal, inserter } = this.#options
    const isWritten = journal.flush()
    const mark = journal.position
    const begun = performance.now()
    for (let left = this.#queue.length; left > 0; ) {
      const batch = this.#queue.slice(0, Math.min(left, this.#batchRows))
      await inserter.insert(batch)
      // The queue was given up meanwhile: the journal is read from the last mark.
      if (this.#isBehind) return
      this.#queue.splice(0, batch.length)
      this.#backlog.stored(batch.length)
      left -= batch.length
      await this.#breathe(batch.length)
    }
    this.#backlog.currentSince(begun)
    if (isWritten) this.#letGo(mark)
  }

  async #catchUp(): Promise<void> {
    const { journal, folder, inserter } = this.#options
    journal.flush()
    const { segment, offset } = this.#through
    const isLast = segment === journal.position.segment
    for (const piece of readSegment(segmentPath(folder, segment), offset, isLast)) {
      const rows = piece.records.flatMap((record) => (record.kind === 'settle' ? [record.row] : []))
      for (let at = 0; at < rows.length; ) {
        const batch = rows.slice(at, at + this.#batchRows)
        await inserter.insert(batch)
        at += batch.length
        await this.#breathe(batch.length)
      }
      this.#backlog.stored(rows.length)
      this.#letGo({ segment, offset: piece.end })
    }
    if (!isLast) this.#letGo({ segment: segment + 1, offset: 0 })
    else this.#isBehind = !this.#isAtEnd()
    if (!this.#isBehind) this.#backlog.emptied()
  }

  /** Checked without waiting in between, so that no row can come and be forgotten. */
  #isAtEnd(): boolean {
    const { journal } = this.#options
    if (!journal.flush()) return false
    const { segment, offset } = journal.position
    return this.#through.segment === segment && this.#through.offset >= offset
  }

  #letGo(through: Position): void {
    const { journal, folder } = this.#options
    this.#through = through
    this.#backlog.marked()
    journal.release(through)
    const now = performance.now()
    if (now - this.#hintAt < HINT_MILLISECONDS) return
    this.#hintAt = now
    try {
      writeShipped(folder, through)
    } catch {
      // Only a hint.
    }
  }

  #recovered(): void {
    if (this.failingSince === undefined) return
    const seconds = Math.round((performance.now() - this.failingSince) / 1000)
    this.failingSince = undefined
    this.#options.log.info('the usage store takes rows again', { after_seconds: seconds })
  }

  #failed(thrown: unknown): void {
    if (this.failingSince !== undefined) return
    this.failingSince = performance.now()
    const { log, journal } = this.#options
    const what = thrown instanceof StoreUnavailable ? 'cannot be reached' : 'failed'
    log.warn(`the usage store ${what}; rows wait in the journal`, {
      error: thrown instanceof Error ? thrown.message : String(thrown),
      journal_bytes: journal.bytes,
    })
  }

  /** Leaves the time to calls that a batch has earned them. */
  async #breathe(rows: number): Promise<void> {
    await nextTurn()
    if (this.#flushing > 0 || this.#stopped || this.#options.journal.bytes > HURRY_BYTES) return
    await this.#pause((rows / ROWS_PER_SECOND) * 1000)
  }

  async #pause(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    const timer = setTimeout(resolve, milliseconds)
    await promise
    clearTimeout(timer)
    this.#wake = undefined
  }
}

/** Lets requests in between two batches: a store inside the process works on their time. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
