import type { AttemptRecord, Call } from '../pipeline/call.ts'
import { AnswerCounter } from './counter.ts'
import type { Settlement } from './settle.ts'

/** One attempt whose intent was written down, and what the call's record says of it. */
export interface NotedAttempt {
  provider: string
  model: string
  /** `provider/model`. */
  target: string
  /** Milliseconds since 1970, and on the clock that never jumps. */
  startedAt: number
  begun: number
  /** Filled in by the policy that made the attempt. */
  record: AttemptRecord | undefined
}

/** What is known of a call's usage while it runs; the row is made from it and from the call's record. */
export class Entry {
  /** The row's id. */
  readonly id: string
  readonly call: Call
  /** Milliseconds since 1970. */
  readonly startedAt: number
  attempts: NotedAttempt[] = []
  readonly counter = new AnswerCounter()
  /** Set once nothing about the amounts changes any more. */
  settlement: Settlement | undefined

  constructor(id: string, call: Call, startedAt: number) {
    this.id = id
    this.call = call
    this.startedAt = startedAt
  }
  /**
   * The attempt that the call ends with: the one that answers; before there is one, the newest that is not lost to
   * another.
   */
  get final(): NotedAttempt | undefined {
    const { attempts, call } = this
    if (attempts.length < 2) return attempts[0]
    return (
      attempts.find(({ record }) => record !== undefined && record === call.attempt) ??
      attempts.findLast(({ record }) => record?.lost !== true)
    )
  }

  /** Attempts that were never made are none. */
  forget(isUnmade: (attempt: NotedAttempt) => boolean): void {
    if (this.attempts.some(isUnmade)) this.attempts = this.attempts.filter((attempt) => !isUnmade(attempt))
  }
}
