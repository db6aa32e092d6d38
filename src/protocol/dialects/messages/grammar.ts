import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import type { Frame } from '../../model/machine.ts'

/**
 * Judges streams for tests: the first rule of this wire's stream grammar (protocol.md §1.3) that the frames break,
 * or undefined when they are a legal, finished stream.
 */
export function grammarFault(frames: readonly Frame[]): string | undefined {
  const judge = new Judge()
  for (const frame of frames) {
    const fault = judge.next(frame)
    if (fault !== undefined) return fault
  }
  return judge.finished ? undefined : 'the stream does not end'
}

interface OpenBlock {
  index: number
  type: Json | undefined
  input: string
  signatures: number
}

/** The kind of block a delta belongs in; deltas of other kinds may stand anywhere. */
const homes: ReadonlyMap<Json | undefined, string> = new Map([
  ['text_delta', 'text'],
  ['citations_delta', 'text'],
  ['thinking_delta', 'thinking'],
  ['signature_delta', 'thinking'],
])

class Judge {
  finished = false
  #state: 'new' | 'open' | 'closing' = 'new'
  #block: OpenBlock | undefined
  #next = 0

  readonly #rules: ReadonlyMap<string | undefined, (wire: JsonObject) => string | undefined> = new Map([
    ['message_start', (wire: JsonObject) => this.#messageStart(wire)],
    ['content_block_start', (wire: JsonObject) => this.#blockStart(wire)],
    ['content_block_delta', (wire: JsonObject) => this.#blockDelta(wire)],
    ['content_block_stop', (wire: JsonObject) => this.#blockStop(wire)],
    ['message_delta', (wire: JsonObject) => this.#messageDelta(wire)],
    ['message_stop', () => this.#messageStop()],
    ['error', () => this.#over()],
  ])

  next({ event, data }: Frame): string | undefined {
    const wire = JSON.parse(data) as JsonObject
    if (wire.type !== event) return `event ${event} carries ${String(wire.type)}`
    if (this.finished) return `${event} after the end`
    return this.#rules.get(event)?.(wire)
  }

  #over(): undefined {
    this.finished = true
  }

  #messageStart(wire: JsonObject): string | undefined {
    if (this.#state !== 'new') return 'two message_start'
    this.#state = 'open'
    const usage = inner(inner(wire, 'message'), 'usage')
    if (typeof usage.input_tokens !== 'number') return 'message_start without input_tokens'
    return usage.output_tokens === 0 ? undefined : 'message_start counts output'
  }

  #blockStart(wire: JsonObject): string | undefined {
    if (this.#state !== 'open' || this.#block) return 'a block starts inside another or outside the message'
    if (wire.index !== this.#next) return `block ${String(wire.index)} instead of ${this.#next}`
    const { type, text } = inner(wire, 'content_block')
    if (type === 'text' && text !== '') return 'a text block starts with text'
    this.#block = { index: this.#next, type, input: '', signatures: 0 }
    this.#next += 1
    return undefined
  }

  #blockDelta(wire: JsonObject): string | undefined {
    const block = this.#block
    if (!block || wire.index !== block.index) return 'a delta outside its block'
    const delta = inner(wire, 'delta')
    const home = homes.get(delta.type)
    if (home !== undefined && home !== block.type)
      return `${String(delta.type)} in a ${String(block.type)} block`
    if (block.signatures > 0) return 'a delta after the signature'
    if (delta.type === 'signature_delta') block.signatures += 1
    if (delta.type === 'signature_delta' && delta.signature === '') return 'an empty signature'
    if (delta.type === 'input_json_delta') block.input += String(delta.partial_json)
    return undefined
  }

  #blockStop(wire: JsonObject): string | undefined {
    const block = this.#block
    if (!block || wire.index !== block.index) return 'a stop outside its block'
    this.#block = undefined
    if (block.type === 'thinking' && block.signatures !== 1) return 'thinking without exactly one signature'
    if (block.type === 'tool_use' && !isObject(JSON.parse(block.input || '{}'))) return 'input is no object'
    return undefined
  }

  #messageDelta(wire: JsonObject): string | undefined {
    if (this.#state !== 'open' || this.#block) return 'message_delta before the blocks are closed'
    this.#state = 'closing'
    if (typeof inner(wire, 'delta').stop_reason !== 'string') return 'no stop_reason'
    return typeof inner(wire, 'usage').output_tokens === 'number' ? undefined : 'message_delta without usage'
  }

  #messageStop(): string | undefined {
    return this.#state === 'closing' ? this.#over() : 'message_stop without message_delta'
  }
}

function inner(object: JsonObject, key: string): JsonObject {
  const value = object[key]
  return isObject(value) ? value : {}
}
