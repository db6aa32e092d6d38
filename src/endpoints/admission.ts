import type { Snapshot } from '../config/snapshot.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { FairQueue } from './admission-queue.ts'

export type AdmissionLimits = Pick<Snapshot['limits'], 'maxInflight' | 'queue'>

export interface AdmissionParts {
  /** The live ones, so that a reload counts at once. */
  limits(): AdmissionLimits
  /** Milliseconds on a clock that never jumps. */
  now(): number
  /** Calls back after some milliseconds; gives what takes that back. */
  after(milliseconds: number, wake: () => void): () => void
}

/** Who wants a place: an `Inbound`. The object itself stands for the call. */
export interface Candidate {
  /** Whose call it is: tenants take turns. */
  readonly identity: { readonly tenant: string }
  /** Aborted when the client leaves. */
  readonly request: { readonly signal: AbortSignal }
}

interface Waiter {
  readonly tenant: string
  readonly candidate: Candidate
  admit(): void
  refuse(error: GatewayError): void
}

/** SDKs find longer waits absurd, and repeat at once. */
const LONGEST_WAIT_SECONDS = 60

/**
 * The places of `limits.max_inflight`. A call holds one from when its body was read until its answer has ended; where
 * none is free it waits in the queue for its tenant's turn, for as long as configured.
 */
export class Admission {
  readonly #parts: AdmissionParts
  readonly #queue = new FairQueue<Waiter>()
  /** Who holds a place, since when. */
  readonly #held = new Map<Candidate, number>()
  readonly #pace = new Pace()
  #draining = false

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  /** Calls that hold a place. */
  get held(): number {
    return this.#held.size
  }

  /** Calls that wait for a place. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Throws 503 when there is neither a place nor room to wait for one: nothing of the body need be read then. */
  check({ identity }: Candidate): void {
    if (this.#draining) throw shuttingDown()
    const { maxInflight, queue } = this.#parts.limits()
    if (maxInflight === undefined || this.#held.size < maxInflight) return
    if (!this.#queue.hasRoomFor(identity.tenant, queue.size)) throw this.#noPlace()
  }

  /**
   * Undefined: it has a place now. Else it waits: a promise of the milliseconds it took, which rejects with 503 when there
   * is none in time, with 499 when the client leaves.
   */
  take(candidate: Candidate): Promise<number> | undefined {
    const { maxInflight = Number.POSITIVE_INFINITY } = this.#parts.limits()
    if (this.#held.size < maxInflight && this.#queue.size === 0) {
      this.#hold(candidate)
      return undefined
    }
    return this.#wait(candidate)
  }

  /** The call is over; whoever is next gets its place. Harmless for one that has none. */
  release(candidate: Candidate): void {
    const since = this.#held.get(candidate)
    if (since === undefined) return
    this.#held.delete(candidate)
    this.#pace.end(since, this.#parts.now(), this.#parts.limits().maxInflight)
    if (this.#queue.size > 0) this.#advance()
  }

  /** From now on nobody gets a place; those who wait are told so. */
  drain(): void {
    this.#draining = true
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) next.refuse(shuttingDown())
  }

  #wait(candidate: Candidate): Promise<number> {
    if (this.#draining) return Promise.reject(shuttingDown())
    const left = candidate.request.signal
    if (left.aborted) return Promise.reject(clientLeft())
    const { queue } = this.#parts.limits()
    const since = this.#parts.now()
    return new Promise((resolve, reject) => {
      const leave = (): void => waiter.refuse(clientLeft())
      const late = this.#parts.after(queue.waitMs, () => waiter.refuse(this.#noPlace(queue.waitMs)))
      const settle = (): void => {
        late()
        left.removeEventListener('abort', leave)
        this.#queue.remove(waiter)
      }
      const waiter: Waiter = {
        tenant: candidate.identity.tenant,
        candidate,
        admit: () => {
          settle()
          resolve(this.#parts.now() - since)
        },
        refuse: (error) => {
          settle()
          reject(error)
        },
      }
      left.addEventListener('abort', leave, { once: true })
      this.#queue.push(waiter, queue.size)?.refuse(this.#noPlace())
      this.#advance()
    })
  }

  #hold(candidate: Candidate): void {
    const now = this.#parts.now()
    this.#held.set(candidate, now)
    this.#pace.begin(now)
  }

  #advance(): void {
    const { maxInflight = Number.POSITIVE_INFINITY } = this.#parts.limits()
    while (this.#held.size < maxInflight) {
      const next = this.#queue.shift()
      if (next === undefined) return
      this.#hold(next.candidate)
      next.admit()
    }
  }

  #noPlace(waitedMs?: number): GatewayError {
    const { maxInflight = 0 } = this.#parts.limits()
    const why = waitedMs === undefined ? '' : ` and none was free within ${waitedMs} ms`
    return new GatewayError(
      'unavailable',
      `This gateway serves ${maxInflight} calls at a time (limits.max_inflight)${why}; try again`,
      {
        code: waitedMs === undefined ? 'max_inflight' : 'queue_timeout',
        retryAfterSeconds: this.#secondsUntilPlace(maxInflight),
      },
    )
  }

  /** Whoever came now would be behind all who wait. */
  #secondsUntilPlace(places: number): number {
    const milliseconds = this.#pace.untilEnds(this.#queue.size + 1, this.#parts.now(), places)
    return Math.min(LONGEST_WAIT_SECONDS, Math.max(1, Math.ceil(milliseconds / 1000)))
  }
}

/** How many ends of calls are remembered, as a multiple of the places: enough to weigh more than the open calls. */
const REMEMBERED = 5
const FEWEST_REMEMBERED = 10
/** While no call has ended yet, nobody knows how long they take. */
const UNKNOWN_MILLISECONDS = 1_000

/** How often places come free: calls that ended, against all the time that places were held, open calls included. */
class Pace {
  #ended = 0
  #endedMs = 0
  #open = 0
  #openSince = 0

  begin(now: number): void {
    this.#open += 1
    this.#openSince += now
  }

  end(since: number, now: number, places = 0): void {
    this.#open -= 1
    this.#openSince = this.#open === 0 ? 0 : this.#openSince - since
    const kept = 1 - 1 / Math.max(FEWEST_REMEMBERED, places * REMEMBERED)
    this.#ended = this.#ended * kept + 1
    this.#endedMs = this.#endedMs * kept + (now - since)
  }

  /** Milliseconds in which so many of the `places` come free. */
  untilEnds(count: number, now: number, places: number): number {
    const openMs = this.#open * now - this.#openSince
    const each =
      this.#ended === 0
        ? Math.max(UNKNOWN_MILLISECONDS, openMs / Math.max(1, this.#open))
        : (this.#endedMs + openMs) / this.#ended
    return (count * each) / places
  }
}

function clientLeft(): GatewayError {
  return new GatewayError('client_closed', 'The client left while its request waited for a place')
}

/** What new work is told after the order to stop, and open work at the drain limit. */
export function shuttingDown(): GatewayError {
  return new GatewayError('unavailable', 'The gateway is shutting down', {
    code: 'draining',
    retryAfterSeconds: 5,
  })
}
