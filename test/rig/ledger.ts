import type { Bill } from './scene/performance.ts'
import type { Conversation } from './wire/conversation.ts'
import type { Problem } from './wire/dialect.ts'

/** What the upstream knows of one request: the other side of every account. */
export interface Entry {
  /** From 1, in order of arrival. */
  id: number
  /** Number of the connection it came over. */
  connection: number
  /** When it was there, on the clock that never jumps. */
  at: number
  method: string
  /** With query. */
  path: string
  vendor: string
  /** As sent, secrets included. */
  headers: [name: string, value: string][]
  /** Body as text, and parsed when it is JSON. */
  body: string
  json: unknown
  /** What was understood of it; absent for requests that are no chat. */
  conversation?: Conversation
  /** Why the vendor's rules refuse it. */
  problem?: Problem
  scene?: string
  fault?: string
  status: number
  /** Bytes sent, header block included. */
  bytesSent: number
  /** What the vendor would charge: the whole bill, or the prompt and what was produced when it broke off. */
  bill?: Bill
  /** `complete`, `cut` by a fault, or the `client` left before the end; absent while it runs. */
  ended?: 'complete' | 'cut' | 'client'
  /** Milliseconds from the complete request to the client's leaving, when it left first. */
  clientLeftAfterMs?: number
}

/** Every request the upstream has seen. */
export class Ledger {
  readonly entries: Entry[] = []
  #waiting: { matches: (entries: readonly Entry[]) => boolean; resolve: () => void }[] = []

  add(entry: Entry): void {
    this.entries.push(entry)
    this.changed()
  }

  /** Called whenever an entry has changed. */
  changed(): void {
    const ready = this.#waiting.filter((one) => one.matches(this.entries))
    this.#waiting = this.#waiting.filter((one) => !ready.includes(one))
    for (const one of ready) one.resolve()
  }

  /** The newest entry. */
  get last(): Entry {
    const entry = this.entries.at(-1)
    if (entry === undefined) throw new Error('The ledger is empty: no request has reached the upstream.')
    return entry
  }

  /** Entries whose body contains this text: tests give each call a word of its own. */
  withText(text: string): Entry[] {
    return this.entries.filter((entry) => entry.body.includes(text))
  }

  /** Resolves when the entries satisfy the condition; rejects after `ms`. */
  async until(matches: (entries: readonly Entry[]) => boolean, ms = 2000): Promise<void> {
    if (matches(this.entries)) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<void>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`The ledger did not come to the expected state within ${ms} ms.`)),
        ms,
      )
    })
    const ready = new Promise<void>((resolve) => this.#waiting.push({ matches, resolve }))
    await Promise.race([ready, late]).finally(() => clearTimeout(timer))
  }

  clear(): void {
    this.entries.length = 0
  }
}
