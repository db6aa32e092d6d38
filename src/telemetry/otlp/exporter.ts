import type { ExportOutcome, OtlpSignal, OtlpTransport } from '../../upstream/otlp/port.ts'
import type { Trouble } from './trouble.ts'

/** A clock that never jumps, in milliseconds, and its alarms; `after` gives what takes the alarm back. */
export interface ExportClock {
  monotonic(): number
  after(milliseconds: number, wake: () => void): () => void
}

export interface ExporterParts {
  signal: OtlpSignal
  transport: OtlpTransport
  /** One `Export…ServiceRequest` out of what was pushed. */
  message(chunks: readonly Uint8Array[]): Uint8Array
  trouble: Trouble
  clock: ExportClock
  /** Uniform in [0, 1). */
  random(): number
}

/** What became of the items that were pushed, in numbers; `waiting` is now, the others since the start. */
export interface ExportCounts {
  exported: number
  /** Never waited: the queue was full, or the exporter stopped. */
  dropped: number
  /** Waited, and could not be handed over. */
  lost: number
  /** Handed over, and not wanted. */
  rejected: number
  waiting: number
}

/** What waits is bounded, however long a collector is away. */
const MAXIMUM_BYTES = 16 * 1024 * 1024
const MAXIMUM_ITEMS = 16_384
/** So much is worth an export at once; less waits for company. */
const ENOUGH_BYTES = 256 * 1024
const ENOUGH_ITEMS = 512
const DELAY_MILLISECONDS = 1_000
/** Collectors take messages of 4 MiB by default. */
const MAXIMUM_MESSAGE_BYTES = 2 * 1024 * 1024
const MAXIMUM_MESSAGE_ITEMS = 4_096

const MAXIMUM_TRIES = 5
const BACKOFF_MILLISECONDS = 1_000
const MAXIMUM_BACKOFF_MILLISECONDS = 30_000
const MAXIMUM_WAIT_MILLISECONDS = 60_000
/** There is little time at the end. */
const LAST_BACKOFF_MILLISECONDS = 100

interface Chunk {
  bytes: Uint8Array
  items: number
}

interface Batch {
  message: Uint8Array
  bytes: number
  items: number
  tries: number
}

/**
 * Gathers what is pushed and hands it over in batches, one at a time. A collector that is away, slow or wrong costs
 * what is waiting and nothing else: the queue is bounded, what does not fit is counted and gone.
 */
export class BatchExporter {
  readonly #parts: ExporterParts
  readonly #abort = new AbortController()
  readonly #counts = { exported: 0, dropped: 0, lost: 0, rejected: 0 }
  #queue: Chunk[] = []
  /** Of the queue and the batch together. */
  #bytes = 0
  #items = 0
  #batch: Batch | undefined
  #isSending = false
  #failures = 0
  /** When the oldest of the queue came. */
  #since = 0
  /** Not before: the collector is given a rest. */
  #resumeAt = 0
  #unset: (() => void) | undefined
  #onIdle: (() => void) | undefined

  constructor(parts: ExporterParts) {
    this.#parts = parts
  }

  get counts(): ExportCounts {
    return { ...this.#counts, waiting: this.#items }
  }

  push(bytes: Uint8Array, items: number): void {
    const isFull = this.#bytes + bytes.length > MAXIMUM_BYTES || this.#items + items > MAXIMUM_ITEMS
    if (isFull || this.#abort.signal.aborted) {
      this.#counts.dropped += items
      return
    }
    if (this.#queue.length === 0) this.#since = this.#parts.clock.monotonic()
    this.#queue.push({ bytes, items })
    this.#bytes += bytes.length
    this.#items += items
    this.#go()
  }

  /** Hands over what waits, within the time; what is left then is lost. */
  async stop(milliseconds: number): Promise<void> {
    const { clock, transport } = this.#parts
    await new Promise<void>((resolve) => {
      const unset = clock.after(milliseconds, resolve)
      this.#onIdle = () => {
        unset()
        resolve()
      }
      this.#resumeAt = 0
      this.#go()
    })
    this.#unset?.()
    this.#abort.abort()
    this.#counts.lost += this.#items
    this.#parts.trouble.ended(this.#items)
    this.#queue = []
    this.#batch = undefined
    this.#bytes = this.#items = 0
    transport.close()
  }

  /** Sends when it is time, or sees to it that it will be. */
  #go(): void {
    if (this.#isSending || this.#abort.signal.aborted) return
    if (this.#items === 0) {
      this.#onIdle?.()
      return
    }
    const wait = this.#wait()
    if (wait <= 0) void this.#send()
    else
      this.#unset ??= this.#parts.clock.after(wait, () => {
        this.#unset = undefined
        this.#go()
      })
  }

  #wait(): number {
    const now = this.#parts.clock.monotonic()
    const rest = this.#resumeAt - now
    if (this.#batch || this.#onIdle || this.#bytes >= ENOUGH_BYTES || this.#items >= ENOUGH_ITEMS) return rest
    return Math.max(rest, this.#since + DELAY_MILLISECONDS - now)
  }

  async #send(): Promise<void> {
    this.#unset?.()
    this.#unset = undefined
    this.#isSending = true
    const batch = (this.#batch ??= this.#taken())
    const { signal, transport } = this.#parts
    const outcome = await transport.export(signal, batch.message, this.#abort.signal)
    this.#isSending = false
    if (this.#abort.signal.aborted) return
    batch.tries += 1
    if (outcome.kind === 'accepted') this.#accepted(batch, outcome)
    else this.#failed(batch, outcome)
    this.#go()
  }

  #taken(): Batch {
    let count = 0
    let bytes = 0
    let items = 0
    for (const chunk of this.#queue) {
      const isFull =
        bytes + chunk.bytes.length > MAXIMUM_MESSAGE_BYTES || items + chunk.items > MAXIMUM_MESSAGE_ITEMS
      if (count > 0 && isFull) break
      count += 1
      bytes += chunk.bytes.length
      items += chunk.items
    }
    const chunks = this.#queue.splice(0, count)
    this.#since = this.#parts.clock.monotonic()
    return { message: this.#parts.message(chunks.map((chunk) => chunk.bytes)), bytes, items, tries: 0 }
  }

  #accepted(batch: Batch, { rejected, message }: ExportOutcome & { kind: 'accepted' }): void {
    const refused = Math.min(rejected, batch.items)
    this.#counts.exported += batch.items - refused
    this.#counts.rejected += refused
    this.#failures = 0
    this.#parts.trouble.works()
    if (rejected > 0 || message !== '') this.#parts.trouble.partly(refused, message)
    this.#letGo(batch)
  }

  #failed(batch: Batch, outcome: Exclude<ExportOutcome, { kind: 'accepted' }>): void {
    this.#failures += 1
    this.#parts.trouble.failed(outcome.reason)
    const asked = outcome.kind === 'retry' ? (outcome.afterMs ?? 0) : 0
    this.#resumeAt = this.#parts.clock.monotonic() + this.#backoff(asked)
    if (outcome.kind === 'retry' && batch.tries < MAXIMUM_TRIES) return
    this.#counts.lost += batch.items
    this.#letGo(batch)
  }

  /** Between half and all of a time that doubles, and never less than was asked for. */
  #backoff(asked: number): number {
    if (this.#onIdle) return LAST_BACKOFF_MILLISECONDS
    const full = Math.min(MAXIMUM_BACKOFF_MILLISECONDS, BACKOFF_MILLISECONDS * 2 ** (this.#failures - 1))
    return Math.max(full * (0.5 + this.#parts.random() / 2), Math.min(asked, MAXIMUM_WAIT_MILLISECONDS))
  }

  #letGo(batch: Batch): void {
    this.#batch = undefined
    this.#bytes -= batch.bytes
    this.#items -= batch.items
  }
}
