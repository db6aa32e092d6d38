import type { Block } from '../../model/block.ts'
import { GatewayError } from '../../model/error.ts'
import type { AnswerEvent, Delta } from '../../model/event.ts'
import { isObject, type Json, type JsonObject, parseJson, rest } from '../../model/json.ts'
import { countOf, textOf } from '../../model/loose.ts'
import type { Frame, Machine } from '../../model/machine.ts'
import type { DecodeContext } from '../dialect.ts'
import { decodeBlock } from './answer.ts'
import { citation, opaqueList } from './blocks.ts'
import { errorOfBody } from './error.ts'
import { decodeFinish } from './finish.ts'
import { decodeUsage, laterUsage } from './usage.ts'
import { answerKeys, EVENTS, JSON_TOOL } from './wire.ts'

/** A stream of this dialect as events (protocol.md §1.3 "Stream grammar"). */
export function decodeStream(context: DecodeContext): Machine<Frame, AnswerEvent> {
  return new MessagesDecoder(context)
}

/** A block that is being received. */
interface Open {
  /** Our number for it. */
  index: number
  kind: Block['type']
  /** Calls only: the input that came with the start, used when no pieces follow. */
  input?: string
  /** Calls only: a piece of input has come. */
  pieces: boolean
}

type Handler = (decoder: MessagesDecoder, wire: JsonObject) => void
type DeltaHandler = (decoder: MessagesDecoder, open: Open, delta: JsonObject) => void

/** A new wire event is a new line here. */
const handlers: ReadonlyMap<Json | undefined, Handler> = new Map<string, Handler>([
  ['content_block_delta', (decoder, wire) => decoder.blockDelta(wire)],
  ['content_block_start', (decoder, wire) => decoder.blockStart(wire)],
  ['content_block_stop', (decoder, wire) => decoder.blockStop(countOf(wire.index) ?? -1)],
  ['message_start', (decoder, wire) => decoder.messageStart(wire)],
  ['message_delta', (decoder, wire) => decoder.messageDelta(wire)],
  ['message_stop', (decoder) => decoder.messageStop()],
  ['ping', () => {}],
  ['error', (decoder, wire) => decoder.fail(errorOfBody(wire, JSON.stringify(wire)))],
])

const deltas: ReadonlyMap<Json | undefined, DeltaHandler> = new Map<string, DeltaHandler>([
  ['text_delta', (decoder, open, delta) => decoder.text(open, textOf(delta.text))],
  ['thinking_delta', (decoder, open, delta) => decoder.text(open, textOf(delta.thinking))],
  ['input_json_delta', (decoder, open, delta) => decoder.input(open, delta)],
  ['signature_delta', (decoder, open, delta) => decoder.signature(open, textOf(delta.signature))],
  ['citations_delta', (decoder, open, delta) => decoder.citation(open, delta)],
])

/** The kind of delta a block must have had when its start was lost. */
const impliedBlocks: ReadonlyMap<Json | undefined, JsonObject> = new Map([
  ['text_delta', { type: 'text', text: '' }],
  ['thinking_delta', { type: 'thinking', thinking: '' }],
])

const NOT_JSON = 'The upstream sent an event that is not JSON'
const deltaEventKeys = new Set(['type', 'delta', 'usage'])
const finishKeys = new Set(['stop_reason', 'stop_sequence', 'stop_details'])

class MessagesDecoder implements Machine<Frame, AnswerEvent> {
  readonly #context: DecodeContext
  readonly #open = new Map<number, Open>()
  #out: AnswerEvent[] = []
  #done = false
  #started = false
  #id: Json | undefined
  #next = 0
  #calls = 0
  #jsonCalls = 0
  #usage: JsonObject | undefined
  /** Stop reason and its details, from wherever they came. */
  #finish: JsonObject = {}
  #extensions: JsonObject = {}
  #events: JsonObject[] = []

  constructor(context: DecodeContext) {
    this.#context = context
  }

  push({ event, data }: Frame): AnswerEvent[] {
    this.#out = []
    if (this.#done || data === '' || data.startsWith('[DONE]')) return this.#out
    const wire = parseJson(data)
    if (!isObject(wire))
      this.fail(
        new GatewayError('upstream_invalid', `${NOT_JSON}: ${data.slice(0, 200)}`, {
          withoutContent: NOT_JSON,
        }),
      )
    else this.#one(wire, event)
    return this.#out
  }

  end(): AnswerEvent[] {
    this.#out = []
    if (!this.#done)
      this.fail(
        new GatewayError('upstream_invalid', 'The upstream stream ended before its message_stop event'),
      )
    return this.#out
  }

  #one(wire: JsonObject, event: string | undefined): void {
    const handler = handlers.get(wire.type ?? event)
    if (handler) handler(this, wire)
    else if (isObject(wire.error)) this.fail(errorOfBody(wire, JSON.stringify(wire)))
    else this.#events.push(wire)
  }

  fail(error: GatewayError): void {
    this.#done = true
    this.#out.push({ type: 'answer-error', error })
  }

  /** A repeated start of the same message says nothing new; one of another after content is a splice. */
  messageStart(wire: JsonObject): void {
    const message = isObject(wire.message) ? wire.message : {}
    if (this.#started) {
      if (message.id !== this.#id && this.#next > 0)
        this.fail(
          new GatewayError('upstream_invalid', 'The upstream began a second message inside the first'),
        )
      return
    }
    this.#start(message)
    if (isObject(message.usage)) this.#report(message.usage)
    this.#finish = { stop_reason: message.stop_reason, stop_sequence: message.stop_sequence }
    if (message.stop_details !== undefined) this.#finish.stop_details = message.stop_details
    if (Array.isArray(message.content))
      for (const block of message.content.filter(isObject)) this.#whole(block)
  }

  #start(message: JsonObject): void {
    this.#started = true
    this.#id = message.id
    const others = rest(message, answerKeys)
    this.#out.push({
      type: 'answer-start',
      ...(typeof message.id === 'string' ? { id: message.id } : {}),
      ...(typeof message.model === 'string' ? { model: message.model } : {}),
      ...(others ? { extensions: { messages: others } } : {}),
    })
  }

  /** Blocks that came inside `message_start` (a turn continued by programmatic tool calls). */
  #whole(wire: JsonObject): void {
    const place = -2 - this.#next
    this.#begin(place, wire)
    this.blockStop(place)
  }

  #report(usage: JsonObject): void {
    this.#usage = laterUsage(this.#usage, usage)
    this.#out.push({ type: 'usage', usage: decodeUsage(this.#usage) })
  }

  blockStart(wire: JsonObject): void {
    if (!this.#started) this.#start({})
    const place = countOf(wire.index) ?? -1
    this.blockStop(place)
    this.#begin(place, isObject(wire.content_block) ? wire.content_block : {})
  }

  #begin(place: number, wire: JsonObject): Open {
    const hidden = wire.type === 'tool_use' && wire.name === JSON_TOOL
    if (wire.type === 'tool_use') this.#calls += 1
    if (hidden) this.#jsonCalls += 1
    const block = hidden ? ({ type: 'text', text: '' } as const) : decodeBlock(wire, this.#context)
    const open: Open = { index: this.#next, kind: block.type, pieces: false }
    if (hidden) open.input = JSON.stringify(wire.input ?? {})
    if (block.type === 'tool-call') {
      open.input = block.arguments
      block.arguments = ''
    }
    this.#next += 1
    this.#open.set(place, open)
    this.#out.push({ type: 'block-start', index: open.index, block })
    return open
  }

  blockStop(place: number): void {
    const open = this.#open.get(place)
    if (!open) return
    this.#open.delete(place)
    if (open.input !== undefined && !open.pieces) this.text(open, open.input)
    this.#out.push({ type: 'block-end', index: open.index })
  }

  blockDelta(wire: JsonObject): void {
    const delta = isObject(wire.delta) ? wire.delta : {}
    const open = this.#open.get(countOf(wire.index) ?? -1) ?? this.#implied(wire, delta)
    if (!open) return
    const handler = open.kind === 'unknown' ? undefined : deltas.get(delta.type)
    if (handler) handler(this, open, delta)
    else this.#delta(open, { type: 'wire', wire: delta })
  }

  #implied(wire: JsonObject, delta: JsonObject): Open | undefined {
    const block = impliedBlocks.get(delta.type)
    if (block) {
      if (!this.#started) this.#start({})
      return this.#begin(countOf(wire.index) ?? -1, block)
    }
    this.fail(
      new GatewayError(
        'upstream_invalid',
        `The upstream sent a piece of block ${wire.index}, which it never started`,
      ),
    )
    return undefined
  }

  #delta(open: Open, delta: Delta): void {
    this.#out.push({ type: 'block-delta', index: open.index, delta })
  }

  text(open: Open, piece: string): void {
    if (piece !== '') this.#delta(open, { type: 'text', text: piece })
  }

  input(open: Open, delta: JsonObject): void {
    const { partial_json: piece } = delta
    const json = typeof piece === 'string' ? piece : isObject(piece) ? JSON.stringify(piece) : ''
    if (json !== '') open.pieces = true
    this.text(open, json)
  }

  signature(open: Open, value: string): void {
    for (const signature of opaqueList(value, 'signature', this.#context.maker))
      this.#delta(open, { type: 'signature', signature })
  }

  citation(open: Open, delta: JsonObject): void {
    if (isObject(delta.citation)) this.#delta(open, { type: 'citation', citation: citation(delta.citation) })
  }

  messageDelta(wire: JsonObject): void {
    if (!this.#started) this.#start({})
    const delta = isObject(wire.delta) ? wire.delta : {}
    if (isObject(wire.usage)) this.#report(wire.usage)
    for (const key of finishKeys) if (delta[key] !== undefined) this.#finish[key] = delta[key]
    Object.assign(this.#extensions, rest(delta, finishKeys), rest(wire, deltaEventKeys))
  }

  messageStop(): void {
    if (!this.#started) this.#start({})
    for (const place of [...this.#open.keys()]) this.blockStop(place)
    if (this.#events.length > 0) this.#extensions[EVENTS] = this.#events
    const jsonOnly = this.#jsonCalls > 0 && this.#jsonCalls === this.#calls
    this.#done = true
    this.#out.push({
      type: 'answer-end',
      finishes: [decodeFinish(this.#finish, jsonOnly)],
      ...(Object.keys(this.#extensions).length > 0 ? { extensions: { messages: this.#extensions } } : {}),
    })
  }
}
