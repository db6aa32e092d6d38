import { toGatewayError } from '../../pipeline/answer-reader.ts'
import { type AttemptRecord, type Call, type Handler, isStream, type Reply } from '../../pipeline/call.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import type { AnswerEvent } from '../../protocol/model/event.ts'
import type { Pass } from '../../resilience/resilience.ts'

type OwnCall = { -readonly [Key in keyof Call]: Call[Key] }

/**
 * An attempt that can be ended without its call: because the time is over, or because another attempt was first. It
 * runs on a call of its own, with a signal, a record and taps of its own, so that nothing of it is seen anywhere. Its
 * first content makes it the call's answer: from then on it is the call that hears of it and is written to.
 */
export class Branch {
  readonly pass: Pass
  readonly record: AttemptRecord
  /** Settles when the first content is there, when it failed, or at once when it is closed. Never rejects. */
  readonly ended: Promise<Reply | GatewayError>
  readonly #call: Call
  readonly #own: OwnCall
  readonly #onContent: () => void
  readonly #controller = new AbortController()
  readonly #settle: (ended: Reply | GatewayError) => void
  #state: 'running' | 'answering' | 'closed' = 'running'

  /** `onContent`: it is the answer now; called before anything hears its events. */
  constructor(call: Call, pass: Pass, record: AttemptRecord, onContent: () => void) {
    this.pass = pass
    this.record = record
    this.#call = call
    this.#onContent = onContent
    const { promise, resolve } = Promise.withResolvers<Reply | GatewayError>()
    this.ended = promise
    this.#settle = resolve
    this.#own = {
      ...call,
      signal: this.#controller.signal,
      record: { ...call.record },
      attempt: record,
      taps: [(events) => this.#hear(events)],
      targets: [pass.target],
    }
    if (call.signal.aborted) this.#leave()
    else call.signal.addEventListener('abort', this.#leave, { once: true })
  }

  start(next: Handler): void {
    void this.#run(next)
  }

  /** Ends it, and its upstream's connection, at once; false when it has failed or answers already. */
  close(why: GatewayError): boolean {
    if (this.#state !== 'running') return false
    this.#state = 'closed'
    this.#call.signal.removeEventListener('abort', this.#leave)
    this.#controller.abort(why)
    this.#settle(why)
    return true
  }

  async #run(next: Handler): Promise<void> {
    try {
      const reply = await next(this.#own)
      if (this.#state === 'closed') letGo(reply)
      this.#settle(reply)
    } catch (thrown) {
      if (this.#state === 'running') this.#noteTarget()
      this.#state = 'closed'
      this.#call.signal.removeEventListener('abort', this.#leave)
      this.#settle(toGatewayError(thrown))
    }
  }

  readonly #leave = (): void => this.#controller.abort(this.#call.signal.reason)

  /** The first content, or something that comes too late. */
  #hear(events: readonly AnswerEvent[]): void {
    if (this.#state !== 'running') throw new GatewayError('client_closed', 'The attempt was given up')
    this.#state = 'answering'
    this.#onContent()
    const call = this.#call
    this.#noteTarget()
    call.attempt = this.record
    this.#own.record = call.record
    this.#own.taps = call.taps
    for (const tap of call.taps) tap(events)
  }

  #noteTarget(): void {
    const { provider, target, dropped } = this.#own.record
    if (provider !== undefined && target !== undefined)
      Object.assign(this.#call.record, { provider, target, dropped })
  }
}

function letGo({ body }: Reply): void {
  if (isStream(body)) void body.cancel()
}
