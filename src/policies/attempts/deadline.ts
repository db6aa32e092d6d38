import type { ModelEntry } from '../../config/snapshot.ts'
import type { Call } from '../../pipeline/call.ts'
import { GatewayError } from '../../protocol/model/error.ts'

export const TIMEOUT_HEADER = 'x-xjp-timeout-ms'
const MAXIMUM_MILLISECONDS = 86_400_000
/** With less of it left no attempt is begun: its answer could not come in time (promise B5). */
const LEAST_SHARE = 0.05

/**
 * Milliseconds the call may take up to its first content, over all attempts; undefined without a limit. The model's
 * own number stands in place of the file's; a client may only ask for less. Throws 400 when it asks for nonsense.
 */
export function limitOf(call: Call, model: ModelEntry | undefined): number | undefined {
  const configured = configuredLimit(call, model)
  const asked = call.headers.get(TIMEOUT_HEADER)
  return asked === null ? configured : Math.min(askedLimit(asked), configured ?? MAXIMUM_MILLISECONDS)
}

function configuredLimit({ snapshot }: Call, model: ModelEntry | undefined): number | undefined {
  return model?.deadlineMs ?? snapshot.retry.deadlineMs
}

function askedLimit(text: string): number {
  const milliseconds = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (milliseconds >= 1 && milliseconds <= MAXIMUM_MILLISECONDS) return milliseconds
  throw new GatewayError(
    'invalid_request',
    `${TIMEOUT_HEADER}: expected a whole number of milliseconds from 1 to ${MAXIMUM_MILLISECONDS}`,
    { param: TIMEOUT_HEADER },
  )
}

/** The moment up to which a call must have its first content. */
export class Deadline {
  readonly #limitMs: number
  readonly #endsAt: number
  readonly #isConfigured: boolean

  constructor(call: Call, model: ModelEntry | undefined, limitMs: number) {
    this.#limitMs = limitMs
    this.#endsAt = call.startedAt + limitMs
    this.#isConfigured = limitMs === configuredLimit(call, model)
  }

  left(now: number): number {
    return this.#endsAt - now
  }

  /** Whether an attempt that begins then has time for anything. */
  allows(moment: number): boolean {
    return this.left(moment) >= this.#limitMs * LEAST_SHARE
  }

  /**
   * Whether an attempt that was ended by it had failed: it had most of a time that the operator finds enough. A time
   * that a client chose says nothing about the upstream (promise B12).
   */
  blames(startedAt: number): boolean {
    return this.#isConfigured && this.left(startedAt) >= this.#limitMs / 2
  }

  get error(): GatewayError {
    return new GatewayError('timeout', `No content came within ${this.#limitMs} ms (deadline)`, {
      code: 'timeout_deadline',
    })
  }
}
