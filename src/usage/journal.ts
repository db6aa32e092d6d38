import { closeSync, fdatasync, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import type { UsageRow } from '../store/ports/usage.ts'
import { type Intent, intentLine, settleLine } from './journal-record.ts'
import { removeFile, segmentPath } from './segments.ts'

/** A place in the journal: everything before it has been dealt with. */
export interface Position {
  segment: number
  offset: number
}

export interface JournalOptions {
  /** Folder of this gateway's own segments; it is there. */
  folder: string
  /** A new segment is begun when one has this many bytes. */
  segmentBytes: number
}

/** Settled rows may wait this long for the write of a next intent, which takes them along. */
const GATHER_MILLISECONDS = 5
/** Rows that a disk which takes nothing lets wait in memory; beside them those of calls that are open already. */
const MAXIMUM_WAITING = 1_000
/** What a loss of power may cost: after a crash of the program alone nothing is missing. */
const SYNC_MILLISECONDS = 100

/**
 * The local record of usage that survives `kill -9`: an intent is in the kernel's hands before an attempt's first byte
 * goes upstream, the settled row follows when the call is over. Written at its end only; the file system's trouble is
 * thrown to who writes an intent and kept from everybody else.
 */
export class Journal {
  readonly #folder: string
  readonly #segmentBytes: number
  #file: number | undefined
  #segment = 0
  #offset = 0
  /** Sizes of the segments that are complete. */
  readonly #complete = new Map<number, number>()
  #completeBytes = 0
  /** Lines of settled rows that no write has taken along yet. */
  #waiting: string[] = []
  /** Intents that the end of this turn of the loop writes, and what their attempts wait for. */
  #coming = new Map<string, string>()
  #turn: ReturnType<typeof Promise.withResolvers<void>> | undefined
  /** Intents that are not settled, and the segment each stands in. */
  readonly #open = new Map<string, { line: string; segment: number }>()
  #gathering: ReturnType<typeof setTimeout> | undefined
  #syncing: ReturnType<typeof setTimeout> | undefined
  #isDirty = false
  /** The last failure of a write; undefined when the last one succeeded. */
  failure: Error | undefined

  constructor({ folder, segmentBytes }: JournalOptions) {
    this.#folder = folder
    this.#segmentBytes = segmentBytes
    this.#begin()
  }

  /** Where the next line will stand, when nothing is waiting. */
  get position(): Position {
    return { segment: this.#segment, offset: this.#offset }
  }

  get bytes(): number {
    return this.#completeBytes + this.#offset
  }

  /** Whether rows wait to be written: for the next intent, or for the disk to take them. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** It cannot be written, and holds as much in memory as it may. */
  get isStuck(): boolean {
    return this.failure !== undefined && this.#waiting.length >= MAXIMUM_WAITING
  }

  get openIntents(): number {
    return this.#open.size
  }

  /**
   * Resolves when it is written; rejects with the file system's error. All intents of one turn of the loop share one
   * write, which takes along the rows that wait.
   */
  intent(intent: Intent): Promise<void> {
    this.#coming.set(keyOf(intent.id, intent.attempt), intentLine(intent))
    if (this.#turn === undefined) {
      this.#turn = Promise.withResolvers<void>()
      setImmediate(() => this.#writeComing())
    }
    return this.#turn.promise
  }

  #writeComing(): void {
    const [turn, coming] = [this.#turn, this.#coming]
    if (turn === undefined) return
    this.#turn = undefined
    this.#coming = new Map()
    try {
      if (coming.size > 0) this.#write([...coming.values()].join(''))
      for (const [key, line] of coming) this.#open.set(key, { line, segment: this.#segment })
      turn.resolve()
    } catch (thrown) {
      turn.reject(thrown)
    }
  }

  /** Written within a few milliseconds. `attempts`: how many intents of it there were. */
  settle(row: UsageRow, attempts = row.attempts.length): void {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const key = keyOf(row.id, attempt)
      // A call may be given up while its attempt still waits to be written down.
      if (!this.#open.delete(key)) this.#coming.delete(key)
    }
    this.#waiting.push(settleLine(row))
    this.#gathering ??= setTimeout(() => this.#gathered(), GATHER_MILLISECONDS)
  }

  /** Writes what waits; false when the disk does not take it. */
  flush(): boolean {
    if (this.#waiting.length === 0) return true
    try {
      this.#write('')
      return true
    } catch {
      return false
    }
  }

  /** Drops the complete segments that end at or before a position. What is still open in them is written once more. */
  release(before: Position): void {
    for (const [segment, size] of this.#complete) {
      const isDone = segment < before.segment || (segment === before.segment && size <= before.offset)
      if (!isDone || !this.#carry(segment)) return
      removeFile(segmentPath(this.#folder, segment))
      this.#complete.delete(segment)
      this.#completeBytes -= size
    }
  }

  /** Begins a new segment, so that the one before it can be released. */
  rotate(): void {
    if (this.#offset === 0) return
    const before = this.#file
    this.#complete.set(this.#segment, this.#offset)
    this.#completeBytes += this.#offset
    this.#begin()
    if (before === undefined) return
    fdatasync(before, () => closeSync(before))
  }

  /** Goes on in a new folder of the same name after it was taken away: what is open is written once more. */
  restart(): void {
    this.#complete.clear()
    this.#completeBytes = 0
    if (this.#file !== undefined) closeSync(this.#file)
    this.#begin()
    for (const intent of this.#open.values()) intent.segment = 0
    this.#carry(0)
  }

  /** Everything to the disk; what is open stays open. */
  close(): void {
    this.#writeComing()
    this.flush()
    clearTimeout(this.#gathering)
    clearTimeout(this.#syncing)
    const file = this.#file
    this.#file = undefined
    if (file === undefined) return
    try {
      fdatasyncSync(file)
    } catch {
      // The rows are in the kernel's hands; only a loss of power could still take them.
    }
    closeSync(file)
  }

  #gathered(): void {
    this.#gathering = undefined
    if (!this.flush()) this.#gathering = setTimeout(() => this.#gathered(), SYNC_MILLISECONDS)
  }

  #carry(segment: number): boolean {
    const held = [...this.#open.values()].filter((intent) => intent.segment === segment)
    if (held.length === 0) return true
    try {
      this.#write(held.map(({ line }) => line).join(''))
    } catch {
      return false
    }
    for (const intent of held) intent.segment = this.#segment
    return true
  }

  #begin(): void {
    this.#segment += 1
    this.#offset = 0
    this.#file = undefined
    this.#file = openSync(segmentPath(this.#folder, this.#segment), 'a', 0o600)
  }

  /** One write for the waiting rows and a line. What was written in part is taken back. */
  #write(line: string): void {
    try {
      if (this.#offset >= this.#segmentBytes) this.rotate()
      // A segment that could not be opened is tried again.
      this.#file ??= openSync(segmentPath(this.#folder, this.#segment), 'a', 0o600)
      const text = this.#waiting.length === 0 ? line : this.#waiting.join('') + line
      const size = Buffer.byteLength(text)
      const written = writeSync(this.#file, text)
      if (written !== size) this.#takeBack(this.#file, size - written)
      this.#offset += size
      this.#waiting = []
      this.failure = undefined
    } catch (thrown) {
      this.failure = thrown instanceof Error ? thrown : new Error(String(thrown))
      throw this.failure
    }
    this.#isDirty = true
    this.#syncSoon()
  }

  #takeBack(file: number, missing: number): never {
    ftruncateSync(file, this.#offset)
    throw new Error(`the disk took all but ${missing} bytes of the journal's last write`)
  }

  #syncSoon(): void {
    this.#syncing ??= setTimeout(() => this.#sync(), SYNC_MILLISECONDS)
  }

  #sync(): void {
    const file = this.#file
    this.#isDirty = false
    const done = (): void => {
      this.#syncing = undefined
      if (this.#isDirty) this.#syncSoon()
    }
    if (file === undefined) done()
    else fdatasync(file, done)
  }
}

function keyOf(id: string, attempt: number): string {
  return `${id}#${attempt}`
}
