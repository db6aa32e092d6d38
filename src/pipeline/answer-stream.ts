import { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { type AnswerBatch, type AnswerReader, toGatewayError } from './answer-reader.ts'
import type { Call, StreamBody } from './call.ts'
import type { Renderer } from './render.ts'
import { scrubbed } from './scrub.ts'

/** What is read for a client that left, at most. */
const MAXIMUM_READ_ON_BYTES = 16 * 1024 * 1024

/** Whether an event shows the client something: from then on the answer belongs to this target. */
function commits(event: AnswerEvent): boolean {
  switch (event.type) {
    case 'block-delta':
      return event.delta.type !== 'text' || event.delta.text !== ''
    case 'block-start':
      return event.block.type !== 'text' && event.block.type !== 'thinking' && event.block.type !== 'refusal'
    case 'answer-end':
      return true
    default:
      return false
  }
}

/**
 * A streamed answer on its way to the client. `open` holds everything back until the first content: before it a
 * failure is thrown, so that another target can be tried; after it a failure becomes the stream's last event.
 */
export class AnswerStream implements StreamBody {
  readonly #call: Call
  readonly #reader: AnswerReader
  readonly #renderer: Renderer
  #held: (string | Uint8Array)[] = []
  #over = false
  /** A read of the upstream is under way. */
  #isReading = false
  /** Set when the client has left and the upstream is read on for the sake of its last words. */
  #readOn: { bytesLeft: number; done: () => void } | undefined

  constructor(call: Call, reader: AnswerReader, renderer: Renderer) {
    this.#call = call
    this.#reader = reader
    this.#renderer = renderer
  }

  /**
   * Reads up to the first content; throws the upstream's error when there is none, and the renderer's when the first
   * content cannot be shown. The upstream is closed then.
   */
  async open(): Promise<this> {
    try {
      await this.#untilContent()
      return this
    } catch (thrown) {
      this.#over = true
      this.#held = []
      this.#reader.cancel()
      throw thrown
    }
  }

  async #untilContent(): Promise<void> {
    const seen: AnswerEvent[] = []
    for (;;) {
      const batch = await this.#reader.next()
      if (batch === undefined) throw new GatewayError('upstream_invalid', 'The upstream sent an empty answer')
      const content = batch.events.some(commits)
      const failed = errorOf(batch)
      if (failed && !content) throw failed
      seen.push(...batch.events)
      this.#hold(batch)
      if (!content) continue
      this.#tap(seen)
      this.#call.record.firstByteMs ??= performance.now() - this.#call.startedAt
      this.#conclude(batch)
      return
    }
  }

  async next(): Promise<string | Uint8Array | undefined> {
    for (;;) {
      const held = this.#held.shift()
      if (held !== undefined) return held
      if (this.#over) return this.#finish()
      this.#isReading = true
      const batch = await this.#reader.next()
      this.#isReading = false
      if (this.#over || batch === undefined) return this.#finish()
      this.#tap(batch.events)
      if (this.#readOn) this.#passOver(batch, this.#readOn)
      else {
        this.#show(batch)
        this.#conclude(batch)
      }
    }
  }

  cancel(): Promise<void> | void {
    this.#held = []
    if (this.#over) return
    this.#call.record.endedBy ??= 'client'
    if (this.#call.readsOn && !this.#readOn) return this.#untilEnd()
    this.#over = true
    this.#reader.cancel()
  }

  /** A read that is under way goes on by itself. */
  #untilEnd(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#readOn = { bytesLeft: MAXIMUM_READ_ON_BYTES, done: resolve }
    if (!this.#isReading) void this.next()
    return promise
  }

  /** Nobody is there to be shown anything; only the taps hear it. */
  #passOver(batch: AnswerBatch, readOn: { bytesLeft: number }): void {
    readOn.bytesLeft -= batch.frames?.bytes.length ?? 0
    const last = batch.events.at(-1)?.type
    if (readOn.bytesLeft > 0 && last !== 'answer-end' && last !== 'answer-error') return
    this.#over = true
    if (last !== 'answer-end') this.#reader.cancel()
  }

  #hold(batch: AnswerBatch): void {
    const rendered = this.#renderer.render(batch)
    if (rendered !== undefined) this.#held.push(batch.errorInFrames ? this.#scrubbed(rendered) : rendered)
  }

  /** An error event of the upstream on its way to a client of the same dialect. */
  #scrubbed(rendered: string | Uint8Array): string | Uint8Array {
    const text = typeof rendered === 'string' ? rendered : Buffer.from(rendered).toString()
    const clean = this.#call.scrub(text)
    return clean === text ? rendered : clean
  }

  /** Once the client has seen something, a renderer that fails is an error inside the stream. */
  #show(batch: AnswerBatch): void {
    try {
      this.#hold(batch)
    } catch (thrown) {
      batch.errorInFrames = false
      batch.events.push({ type: 'answer-error', error: toGatewayError(thrown) })
    }
  }

  #conclude(batch: AnswerBatch): void {
    const failed = errorOf(batch)
    if (failed) this.#fail(failed, batch.errorInFrames === true && this.#renderer.passesErrors)
    else if (batch.events.at(-1)?.type === 'answer-end') this.#call.record.endedBy = 'complete'
  }

  #tap(events: readonly AnswerEvent[]): void {
    if (events.length > 0) for (const tap of this.#call.taps) tap(events)
  }

  #finish(): undefined {
    this.#over = true
    this.#readOn?.done()
    return undefined
  }

  #fail(failure: GatewayError, alreadySaid: boolean): void {
    this.#over = true
    this.#reader.cancel()
    const { record, client, id } = this.#call
    const error = scrubbed(failure, this.#call)
    record.error = error
    record.endedBy = error.kind === 'internal' ? 'gateway' : 'upstream'
    if (!alreadySaid) this.#held.push(client.client.encodeStreamError(error, id))
  }
}

function errorOf(batch: AnswerBatch): GatewayError | undefined {
  const last = batch.events.at(-1)
  return last?.type === 'answer-error' ? last.error : undefined
}
