import type { Writable } from 'node:stream'

const FLUSH_MILLISECONDS = 100
const MAXIMUM_PENDING_CHARACTERS = 4 * 1024 * 1024

export interface LogPlace {
  /** Whole lines. Rejects when not all of them are out; with `PartlyWritten` when some are. */
  write(text: string): Promise<void>
}

/** A place took the first lines of a batch and then no more. */
export class PartlyWritten extends Error {
  /** Whole lines that are out. */
  readonly lines: number

  constructor(lines: number, cause: unknown) {
    super('some lines were not written', { cause })
    this.lines = lines
  }
}

/**
 * Gathers lines and hands them on in batches, one batch at a time. What a slow or broken place cannot take is lost and
 * counted: nothing here ever throws, waits for long or grows without bound.
 */
export class LogSink {
  /** Lines that were not written. */
  lost = 0
  readonly #place: LogPlace
  readonly #lostLine: ((lines: number) => string) | undefined
  /** Losses that stand in the place itself. */
  #told = 0
  #lines: string[] = []
  #length = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #writing: Promise<void> | undefined

  /** `lostLine`: the line that says, as soon as the place takes lines again, how many it missed. */
  constructor(place: LogPlace, lostLine?: (lines: number) => string) {
    this.#place = place
    this.#lostLine = lostLine
  }

  push(line: string): void {
    if (this.#length + line.length > MAXIMUM_PENDING_CHARACTERS) {
      this.lost += 1
      return
    }
    this.#lines.push(line)
    this.#length += line.length
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MILLISECONDS)
  }

  /** Resolves when everything pushed so far was written or lost. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #drain(): Promise<void> {
    while (this.#lines.length > 0) {
      const lines = this.#lines
      this.#lines = []
      this.#length = 0
      const { lost } = this
      const notice = lost > this.#told ? this.#lostLine?.(lost - this.#told) : undefined
      const all = notice === undefined ? lines : [notice, ...lines]
      try {
        await this.#place.write(all.join(''))
        this.#told = lost
      } catch (thrown) {
        const written = thrown instanceof PartlyWritten ? thrown.lines : 0
        const notices = notice === undefined ? 0 : 1
        if (written >= notices) this.#told = lost
        this.lost += lines.length - Math.max(0, written - notices)
      }
    }
  }
}

/** Streams that have been given a listener: without one, a reader that left would end the process. */
const guarded = new WeakSet<Writable>()

/** What a pipe takes in one piece, however many processes write to it (PIPE_BUF). */
const ATOMIC_BYTES = 4_096
const NEWLINE = 0x0a

/**
 * Writes to a stream of the process. Workers have it in common, so lines go in pieces that no other's lines can come
 * between.
 */
export function streamPlace(stream: Writable): LogPlace {
  if (!guarded.has(stream)) stream.on('error', () => {})
  guarded.add(stream)
  const write = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      // After a failure the runtime's stdout takes everything without a word.
      if (!stream.writable) reject(new Error('the stream is closed'))
      else stream.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  return {
    async write(text) {
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; ) {
        const end = endOfPiece(bytes, at)
        try {
          await write(bytes.subarray(at, end))
        } catch (thrown) {
          throw new PartlyWritten(linesIn(bytes.subarray(0, at)), thrown)
        }
        at = end
      }
    },
  }
}

/** As many whole lines as a pipe takes in one piece; a longer line stands alone. */
function endOfPiece(bytes: Buffer, from: number): number {
  if (bytes.length - from <= ATOMIC_BYTES) return bytes.length
  const last = bytes.lastIndexOf(NEWLINE, from + ATOMIC_BYTES - 1)
  if (last >= from) return last + 1
  const next = bytes.indexOf(NEWLINE, from)
  return next === -1 ? bytes.length : next + 1
}

export function linesIn(bytes: Uint8Array): number {
  let lines = 0
  for (const byte of bytes) if (byte === NEWLINE) lines += 1
  return lines
}
