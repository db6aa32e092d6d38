import type { Block } from '../../model/block.ts'
import type { Dropped } from '../../model/dropped.ts'
import type { AnswerEvent, Delta } from '../../model/event.ts'
import type { Finish } from '../../model/finish.ts'
import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import type { Extensions } from '../../model/origin.ts'
import { mergeUsage, type Usage } from '../../model/usage.ts'
import type { AnswerContext, StreamEncoder } from '../dialect.ts'
import { AnswerParts } from './answer-parts.ts'
import type { BlockWriter, Place } from './block-frames.ts'
import { writerOf } from './block-writer.ts'
import { encodeStreamError } from './error-encode.ts'
import { encodeFinish } from './finish.ts'
import { encodeStartUsage, encodeUsage } from './usage.ts'
import { EVENTS, own } from './wire.ts'

/** A stream for a client of this dialect: one message, blocks one after another (protocol.md §1.3, §2.15). */
export function encodeStream(context: AnswerContext): StreamEncoder {
  return new MessagesEncoder(context)
}

/** A block that began while another was open: it waits, because this wire writes one block at a time. */
interface Waiting {
  block: Block
  deltas: Delta[]
  ended: boolean
}

/** Members that stand beside the stop reason; the others stand beside `delta`. */
const deltaMembers: ReadonlySet<string> = new Set(['container'])

class MessagesEncoder implements StreamEncoder {
  readonly #context: AnswerContext
  readonly #parts: AnswerParts
  readonly #place: Place = { next: 0 }
  readonly #waiting = new Map<number, Waiting>()
  #current: { index: number; writer: BlockWriter } | undefined
  #usage: Usage | undefined
  #started = false
  #done = false

  constructor(context: AnswerContext) {
    this.#context = context
    this.#parts = new AnswerParts(context)
  }

  get dropped(): readonly Dropped[] {
    return this.#parts.dropped
  }

  push(events: readonly AnswerEvent[]): string {
    let out = ''
    for (let index = 0; index < events.length && !this.#done; index += 1)
      out += this.#one(events[index] as AnswerEvent, events[index + 1])
    return out
  }

  #one(event: AnswerEvent, next: AnswerEvent | undefined): string {
    switch (event.type) {
      case 'block-delta':
        return this.#delta(event.index, event.delta)
      case 'block-start':
        return this.#blockStart(event.index, event.block, event.candidate ?? 0)
      case 'block-end':
        return this.#blockEnd(event.index)
      case 'usage':
        this.#usage = mergeUsage(this.#usage, event.usage)
        return ''
      case 'answer-start':
        if (next?.type === 'usage') this.#usage = mergeUsage(this.#usage, next.usage)
        return this.#start(event.id, event.extensions)
      case 'answer-end':
        return this.#end(event.finishes[0], event.extensions)
      case 'answer-error':
        this.#done = true
        return encodeStreamError(event.error, this.#context.requestId)
    }
  }

  #start(id?: string, extensions?: Extensions): string {
    if (this.#started) return ''
    this.#started = true
    const message: JsonObject = {
      id: this.#parts.messageId(id),
      type: 'message',
      role: 'assistant',
      model: this.#context.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: encodeStartUsage(this.#usage, this.#context),
      ...own(extensions),
    }
    return named('message_start', { message })
  }

  #blockStart(index: number, block: Block, candidate: number): string {
    if (candidate > 0) {
      this.#parts.unplaced('candidates', 'more than one answer')
      return ''
    }
    if (this.#current !== undefined) {
      this.#waiting.set(index, { block, deltas: [], ended: false })
      return ''
    }
    return (this.#started ? '' : this.#start()) + this.#open(index, block)
  }

  #open(index: number, block: Block): string {
    const writer = writerOf(block, index, this.#place, this.#parts)
    this.#current = { index, writer }
    return writer.start()
  }

  #delta(index: number, delta: Delta): string {
    if (this.#current?.index === index) return this.#current.writer.delta(delta)
    this.#waiting.get(index)?.deltas.push(delta)
    return ''
  }

  #blockEnd(index: number): string {
    if (this.#current?.index === index) return this.#close()
    const waiting = this.#waiting.get(index)
    if (waiting) waiting.ended = true
    return ''
  }

  /** Ends the open block and writes those that waited, up to the first that is still being received. */
  #close(): string {
    let out = this.#current?.writer.end() ?? ''
    this.#current = undefined
    for (const [index, { block, deltas, ended }] of this.#waiting) {
      this.#waiting.delete(index)
      out += this.#open(index, block)
      for (const delta of deltas) out += this.#delta(index, delta)
      if (!ended) break
      out += this.#endOpen()
    }
    return out
  }

  #endOpen(): string {
    const out = this.#current?.writer.end() ?? ''
    this.#current = undefined
    return out
  }

  #end(finish: Finish | undefined, extensions: Extensions | undefined): string {
    let out = this.#started ? '' : this.#start()
    while (this.#current !== undefined) out += this.#close()
    this.#done = true
    const { [EVENTS]: events, ...others } = own(extensions)
    if (Array.isArray(events)) for (const event of events.filter(isObject)) out += kept(event)
    const beside: JsonObject = {}
    const delta: JsonObject = { ...encodeFinish(finish, this.#parts.said) }
    for (const [key, value] of Object.entries(others)) (deltaMembers.has(key) ? delta : beside)[key] = value
    const usage = encodeUsage(this.#usage, this.#context)
    return `${out}${named('message_delta', { delta, usage, ...beside })}${named('message_stop', {})}`
  }
}

function named(type: string, members: JsonObject): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`
}

/** An event of a kind we do not know goes on under its own name. */
function kept(event: JsonObject): string {
  const type: Json | undefined = event.type
  return typeof type === 'string' && /^[\w.]+$/.test(type)
    ? `event: ${type}\ndata: ${JSON.stringify(event)}\n\n`
    : ''
}
