import { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import type { Frame, Machine } from '../protocol/model/machine.ts'
import type { ByteSource } from '../upstream/source.ts'
import { type FrameBatch, SseFramer } from '../upstream/sse.ts'

/** What one upstream read gave: its events, and the frames they came from when they came over HTTP. */
export interface AnswerBatch {
  events: AnswerEvent[]
  frames?: FrameBatch
  /** True when an `answer-error` among the events was itself an event of the upstream, so its bytes say it. */
  errorInFrames?: boolean
}

/** An answer being read. Errors come as `answer-error` events, never as rejections. */
export interface AnswerReader {
  /** Undefined when everything was read. */
  next(): Promise<AnswerBatch | undefined>
  cancel(): void
}

/** Any thrown value as an error a client may see; what is not ours shows nothing of itself. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  return new GatewayError('internal', 'The gateway met an internal error', { cause: thrown })
}

function isTerminal(event: AnswerEvent): boolean {
  return event.type === 'answer-end' || event.type === 'answer-error'
}

/** How long bytes after the protocol's own end are waited for, so that the connection can be used again. */
const TRAILING_MILLISECONDS = 1_000

/** Reads a stream of server-sent events. */
export class SseAnswerReader implements AnswerReader {
  readonly #source: ByteSource
  readonly #decoder: Machine<Frame, AnswerEvent>
  readonly #framer = new SseFramer()
  #terminal = false
  #over = false

  constructor(source: ByteSource, decoder: Machine<Frame, AnswerEvent>) {
    this.#source = source
    this.#decoder = decoder
  }

  async next(): Promise<AnswerBatch | undefined> {
    if (this.#over) return undefined
    try {
      const bytes = this.#terminal ? await this.#trailing() : await this.#source.read()
      if (bytes === undefined) return this.#end()
      return this.#decode(this.#framer.push(bytes))
    } catch (thrown) {
      return this.#fail(thrown)
    }
  }

  cancel(): void {
    this.#over = true
    this.#source.cancel()
  }

  #decode(frames: FrameBatch): AnswerBatch {
    const events: AnswerEvent[] = []
    for (const frame of frames.frames) {
      if (this.#terminal) break
      for (const event of this.#decoder.push(frame)) {
        events.push(event)
        if (isTerminal(event)) {
          this.#terminal = true
          return { events, frames, errorInFrames: event.type === 'answer-error' }
        }
      }
    }
    return { events, frames }
  }

  #end(): AnswerBatch {
    this.#over = true
    const batch = this.#decode(this.#framer.end())
    if (!this.#terminal) batch.events.push(...this.#decoder.end())
    this.#terminal = true
    return batch
  }

  #fail(thrown: unknown): AnswerBatch | undefined {
    this.#over = true
    this.#source.cancel()
    // After the protocol's own end a broken connection takes nothing away.
    if (this.#terminal) return undefined
    this.#terminal = true
    return { events: [{ type: 'answer-error', error: toGatewayError(thrown) }] }
  }

  async #trailing(): Promise<Uint8Array | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), TRAILING_MILLISECONDS)
    })
    const bytes = await Promise.race([this.#source.read(), patience])
    clearTimeout(timer)
    if (bytes === undefined) this.#source.cancel()
    return bytes
  }
}

/** An answer that came whole. */
export class WholeAnswerReader implements AnswerReader {
  #events: AnswerEvent[] | undefined

  constructor(events: AnswerEvent[]) {
    this.#events = events
  }

  next(): Promise<AnswerBatch | undefined> {
    const events = this.#events
    this.#events = undefined
    return Promise.resolve(events && { events })
  }

  cancel(): void {
    this.#events = undefined
  }
}

/** An answer made inside the machine. */
export class LocalAnswerReader implements AnswerReader {
  readonly #iterator: AsyncIterator<AnswerEvent[]>
  readonly #controller: AbortController
  #terminal = false

  constructor(batches: AsyncIterable<AnswerEvent[]>, controller: AbortController) {
    this.#iterator = batches[Symbol.asyncIterator]()
    this.#controller = controller
  }

  async next(): Promise<AnswerBatch | undefined> {
    if (this.#terminal) return undefined
    try {
      const { value, done } = await this.#iterator.next()
      if (done) {
        this.#terminal = true
        return {
          events: [
            {
              type: 'answer-error',
              error: new GatewayError('upstream_invalid', 'The model ended without finishing'),
            },
          ],
        }
      }
      this.#terminal = value.some(isTerminal)
      return { events: value }
    } catch (thrown) {
      this.#terminal = true
      return { events: [{ type: 'answer-error', error: toGatewayError(thrown) }] }
    }
  }

  cancel(): void {
    this.#controller.abort()
    // A generator that never started has no `finally` to run: the signal is what ends the work.
    void this.#iterator.return?.().catch(() => {})
  }
}
