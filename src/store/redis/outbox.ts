import { StoreUnavailable } from '../ports/unavailable.ts'
import type { RedisConnection } from './connection.ts'
import { limitScript } from './limit-scripts.ts'

/** Something to be done in Redis when it can be: `args` begin with the kind. */
export interface Operation {
  key: string
  args: readonly string[]
  /** The budget is not the one that the operation was meant for. */
  onAstray?: () => void
}

interface Batch {
  number: number
  operations: readonly Operation[]
}

/** Longer scripts would hold up others' commands. */
const MAXIMUM_OPERATIONS = 200

/**
 * What calls leave behind, delivered in the order in which it came and exactly once: a batch keeps its number until it is
 * acknowledged, however often it has to be sent. It grows only by what calls hold that were admitted by Redis, so it is
 * bounded by the calls that were open when Redis was lost.
 */
export class Outbox {
  readonly #redis: RedisConnection
  /** Where Redis keeps which batches were done. */
  readonly #register: string
  readonly #now: () => string
  #waiting: Operation[] = []
  readonly #sent = new Map<number, Batch>()
  readonly #acknowledged: number[] = []
  #last = 0
  #scheduled = false
  readonly #stopListening: () => void

  constructor(redis: RedisConnection, register: string, now: () => string) {
    this.#redis = redis
    this.#register = register
    this.#now = now
    this.#stopListening = redis.onHealth(({ up }) => {
      if (!up) return
      for (const batch of [...this.#sent.values()]) this.#send(batch)
      this.flush()
    })
  }

  /** Operations that are not acknowledged yet. */
  get size(): number {
    let size = this.#waiting.length
    for (const { operations } of this.#sent.values()) size += operations.length
    return size
  }

  add(operation: Operation): void {
    this.#waiting.push(operation)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.flush())
  }

  /** Sends what waits. Whoever sends a command that must see its effect calls this first. */
  flush(): void {
    this.#scheduled = false
    if (!this.#redis.isUp) return
    while (this.#waiting.length > 0) {
      const operations = this.#waiting.splice(0, MAXIMUM_OPERATIONS)
      this.#last += 1
      const batch = { number: this.#last, operations }
      this.#sent.set(batch.number, batch)
      this.#send(batch)
    }
  }

  #send(batch: Batch): void {
    const { operations } = batch
    const forget = this.#acknowledged.splice(0)
    const oldest = this.#sent.keys().next().value ?? batch.number
    const args = [this.#now(), 'settle', batch.number, oldest - 1, forget.length, ...forget].map(String)
    for (const operation of operations) args.push(...operation.args)
    const keys = [this.#register, ...operations.map(({ key }) => key)]
    this.#redis.evalScript<number[]>(limitScript, keys, args).then(
      (astray) => {
        this.#acknowledge(batch)
        for (const position of astray) operations[position]?.onAstray?.()
      },
      (thrown) => {
        // A server that calls the batch wrong will never take it; one that cannot be asked will.
        if (!(thrown instanceof StoreUnavailable)) this.#acknowledge(batch)
      },
    )
  }

  #acknowledge({ number }: Batch): void {
    if (this.#sent.delete(number)) this.#acknowledged.push(number)
  }

  /** Waits until everything is acknowledged, for so long at the most. */
  async close(milliseconds: number): Promise<void> {
    this.flush()
    const until = performance.now() + milliseconds
    while (this.size > 0 && this.#redis.isUp && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 2))
    this.#stopListening()
  }
}
