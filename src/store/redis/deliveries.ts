/** One thing to be told to a store that could not be reached. */
interface Delivery {
  tell(): Promise<unknown>
  bytes: number
  /** Milliseconds since 1970 after which it is of no use any more. */
  until: number
}

export interface DeliveryOptions {
  now(): number
  /** Pause between two rounds. */
  everyMs?: number
  maximumBytes?: number
}

const MAXIMUM_DELIVERIES = 2_000
const ENTRY_BYTES = 200

/**
 * What has to reach a store sooner or later, although nobody waits for it: tried again about every second until it is
 * told or of no use. Bounded; the oldest are given up first. Nothing in it keeps the process alive.
 */
export class Deliveries {
  #waiting: Delivery[] = []
  #bytes = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false
  #isTelling = false
  readonly #now: () => number
  readonly #everyMs: number
  readonly #maximumBytes: number

  constructor({ now, everyMs = 1_000, maximumBytes = 32 * 1024 * 1024 }: DeliveryOptions) {
    this.#now = now
    this.#everyMs = everyMs
    this.#maximumBytes = maximumBytes
  }

  get count(): number {
    return this.#waiting.length
  }

  add(tell: () => Promise<unknown>, until: number, bytes = 0): void {
    if (this.#closed) return
    const size = bytes + ENTRY_BYTES
    this.#waiting.push({ tell, until, bytes: size })
    this.#bytes += size
    while (this.#waiting.length > MAXIMUM_DELIVERIES || this.#bytes > this.#maximumBytes)
      this.#bytes -= this.#waiting.shift()?.bytes ?? 0
    this.#schedule()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#closed || this.#timer !== undefined || this.#waiting.length === 0) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.deliver()
    }, this.#everyMs)
    this.#timer.unref()
  }

  /** Tells what waits, up to the first that still cannot be told: the store is away for all of them. */
  async deliver(): Promise<void> {
    if (this.#isTelling) return
    this.#isTelling = true
    for (let next = this.#waiting[0]; next && !this.#closed; next = this.#waiting[0]) {
      if (next.until > this.#now())
        try {
          await next.tell()
        } catch {
          break
        }
      // It may have been given up meanwhile.
      if (this.#waiting[0] === next) {
        this.#waiting.shift()
        this.#bytes -= next.bytes
      }
    }
    this.#isTelling = false
    this.#schedule()
  }
}
