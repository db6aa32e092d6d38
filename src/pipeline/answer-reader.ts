import { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import type { Frame, Machine } from '../protocol/model/machine.ts'
import type { ByteSource } from '../upstream/source.ts'
import { type FrameBatch, type PlacedFrame, SseFramer } from '../upstream/sse.ts'

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

/**
 * A batch whose frame `at` brought an error. When the upstream said it, its frame passes as it came; when we found the
 * frame wrong, it is left out: a client could not read it either, and would never reach the error behind it.
 */
function failedBatch(
  events: AnswerEvent[],
  error: GatewayError,
  frames: FrameBatch,
  at: PlacedFrame,
): AnswerBatch {
  if (error.details.upstream !== undefined) return { events, frames, errorInFrames: true }
  const text = frames.text.slice(0, at.start)
  const before = { frames: frames.frames.filter((frame) => frame.start < at.start), text }
  return { events, frames: { ...before, bytes: Buffer.from(text) } }
}

function isTerminal(event: AnswerEvent): boolean {
  return event.type === 'answer-end' || event.type === 'answer-error'
}

/**
 * How long, and how many, bytes after the protocol's own end are read, so that the connection can be used again. An
 * upstream that goes on and on is left.
 */
const TRAILING_MILLISECONDS = 1_000
const TRAILING_BYTES = 64 * 1024

const BLANK_LINE = '\n\n'

/**
 * What came after the last blank line, as a client may have it: a half event would swallow the error that follows it,
 * a whole one needs its blank line to be seen at all (promise A2).
 */
function tail({ events, frames, errorInFrames }: AnswerBatch): FrameBatch | undefined {
  if (frames === undefined || frames.bytes.length === 0) return frames
  if (events.at(-1)?.type === 'answer-error' && !errorInFrames) return undefined
  if (frames.frames.length === 0) return frames
  return {
    ...frames,
    bytes: Buffer.concat([frames.bytes, Buffer.from(BLANK_LINE)]),
    text: frames.text + BLANK_LINE,
  }
}

/** Reads a stream of server-sent events. */
export class SseAnswerReader implements AnswerReader {
  readonly #source: ByteSource
  readonly #decoder: Machine<Frame, AnswerEvent>
  readonly #framer = new SseFramer()
  #terminal = false
  #over = false
  /** When the protocol's own end came. */
  #terminalAt = 0
  #trailingBytes = 0

  constructor(source: ByteSource, decoder: Machine<Frame, AnswerEvent>) {
    this.#source = source
    this.#decoder = decoder
  }

  async next(): Promise<AnswerBatch | undefined> {
    if (this.#over) return undefined
    try {
      const bytes = this.#terminal ? await this.#trailing() : await this.#source.read()
      if (this.#over) return undefined
      if (bytes === undefined) return this.#end()
      return this.#decode(this.#framer.push(bytes))
    } catch (thrown) {
      return this.#over ? undefined : this.#fail(thrown)
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
          this.#terminalAt = performance.now()
          return event.type === 'answer-error'
            ? failedBatch(events, event.error, frames, frame)
            : { events, frames }
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
    return { ...batch, ...(batch.frames ? { frames: tail(batch) } : {}) }
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
      const left = this.#terminalAt + TRAILING_MILLISECONDS - performance.now()
      timer = setTimeout(() => resolve(undefined), Math.max(0, left))
    })
    const bytes = await Promise.race([this.#source.read(), patience])
    clearTimeout(timer)
    this.#trailingBytes += bytes?.length ?? 0
    if (bytes !== undefined && this.#trailingBytes <= TRAILING_BYTES) return bytes
    this.#source.cancel()
    return undefined
  }
}

/**
 * An answer that came whole. Its usage goes before its content: some clients take the prompt's tokens only from the
 * first event of a stream (protocol.md §4.6), and here they are known.
 */
export class WholeAnswerReader implements AnswerReader {
  #events: AnswerEvent[] | undefined

  constructor(events: AnswerEvent[]) {
    const first = events.filter((event) => event.type === 'answer-start')
    const usage = events.filter((event) => event.type === 'usage')
    const others = events.filter((event) => event.type !== 'answer-start' && event.type !== 'usage')
    this.#events = [...first, ...usage, ...others]
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
  #over = false

  constructor(batches: AsyncIterable<AnswerEvent[]>, controller: AbortController) {
    this.#iterator = batches[Symbol.asyncIterator]()
    this.#controller = controller
  }

  async next(): Promise<AnswerBatch | undefined> {
    if (this.#over) return undefined
    try {
      const { value, done } = await this.#iterator.next()
      if (this.#over) return undefined
      if (done) return this.#fail(new GatewayError('upstream_invalid', 'The model ended without finishing'))
      if (value.some(isTerminal)) this.#finish()
      return { events: value }
    } catch (thrown) {
      return this.#over ? undefined : this.#fail(toGatewayError(thrown))
    }
  }

  cancel(): void {
    if (this.#over) return
    // A generator that never started has no `finally` to run: the signal is what ends the work.
    this.#controller.abort()
    this.#finish()
  }

  #fail(error: GatewayError): AnswerBatch {
    this.#controller.abort()
    this.#finish()
    return { events: [{ type: 'answer-error', error }] }
  }

  /** Lets the generator's `finally` run: nobody asks it for more. */
  #finish(): void {
    this.#over = true
    void this.#iterator.return?.().catch(() => {})
  }
}
