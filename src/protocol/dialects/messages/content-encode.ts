import { argumentsObject } from '../../model/arguments.ts'
import type {
  Block,
  MediaBlock,
  TextBlock,
  ThinkingBlock,
  ToolCallBlock,
  ToolResultBlock,
} from '../../model/block.ts'
import { isSendable } from '../../model/envelope.ts'
import { isObject, type JsonObject } from '../../model/json.ts'
import { at } from '../../model/read.ts'
import { isCall, wholeWire } from './blocks.ts'
import { cacheControl } from './cache.ts'
import type { EncodeContext } from './context.ts'
import { encodeMedia } from './media-encode.ts'
import { wireCallId, wireToolName } from './names.ts'
import { DIALECT, ORIGINAL, own } from './wire.ts'

/** Where a block stands: it decides what may be said there. */
export type Place = 'user' | 'assistant' | 'system' | 'result' | 'document'

/** Encodes the blocks of one request; carries what the encoders of nested blocks need. */
export class Encode {
  readonly context: EncodeContext

  constructor(context: EncodeContext) {
    this.context = context
  }

  blocks(blocks: readonly Block[], path: string, place: Place): JsonObject[] {
    const thoughtful = this.#sendsThinking(blocks)
    return blocks.flatMap((block, index) => {
      const where = at(path, index)
      if (block.type === 'thinking') return thoughtful ? this.#thinking(block) : []
      const wires = this.#block(block, where, place)
      const [first] = wires
      if (first !== undefined && 'cache' in block) {
        delete first.cache_control
        Object.assign(first, cacheControl(block.cache, this.context))
      }
      return wires
    })
  }

  #block(block: Exclude<Block, ThinkingBlock>, path: string, place: Place): JsonObject[] {
    switch (block.type) {
      case 'text':
        return this.#text(block, path)
      case 'refusal':
        return block.text === '' ? [] : [{ type: 'text', text: block.text }]
      case 'media':
        if (place !== 'assistant') return this.#media(block, path)
        this.context.losses.drop(path, `the upstream takes no ${block.kind} in assistant turns`)
        return []
      case 'tool-call':
        return this.#call(block, path)
      case 'tool-result':
        return this.#result(block, path)
      case 'unknown':
        if (block.dialect === DIALECT) return [wholeWire(block)]
        this.#foreign(path, place)
        return []
    }
  }

  #media(block: MediaBlock, path: string): JsonObject[] {
    return encodeMedia(block, path, this.context, (blocks, inside) => this.blocks(blocks, inside, 'document'))
  }

  #foreign(path: string, place: Place): void {
    if (place === 'assistant') this.context.losses.drop(path, 'the block belongs to another provider')
    else this.context.losses.refuse(path, 'the block has no counterpart at the upstream')
  }

  /** Empty text is refused by the wire, so it is left out (protocol.md §2.3). */
  #text(block: TextBlock, path: string): JsonObject[] {
    const { [ORIGINAL]: original, ...more } = own(block.extensions)
    if (isObject(original)) return [{ ...original }]
    if (block.text === '') return []
    const wire: JsonObject = { type: 'text', text: block.text, ...more }
    const native = block.citations?.flatMap((entry) =>
      entry.wire?.dialect === DIALECT ? [entry.wire.value] : [],
    )
    if (native && native.length > 0) wire.citations = native
    else if (block.citations && block.citations.length > 0)
      this.context.losses.drop(at(path, 'citations'), 'citations of another provider cannot be replayed')
    return [wire]
  }

  /** Which thinking goes back is a matter of the target; foreign state is left out in silence (protocol.md §2.8.2). */
  #sendsThinking(blocks: readonly Block[]): boolean {
    const { reasoningReplay } = this.context.capabilities
    if (reasoningReplay === 'tool-turns') return blocks.some(isCall)
    return reasoningReplay !== 'never'
  }

  #thinking(block: ThinkingBlock): JsonObject[] {
    const { maker, capabilities } = this.context.target
    const opaque = block.opaque?.find((entry) => isSendable(entry, DIALECT, maker))
    if (block.redacted)
      return opaque?.kind === 'redacted' ? [{ type: 'redacted_thinking', data: opaque.value }] : []
    const signature = opaque?.kind === 'signature' ? opaque.value : undefined
    if (signature === undefined && (capabilities.reasoningReplay === 'signed' || block.text === '')) return []
    return [{ type: 'thinking', thinking: block.text, signature: signature ?? '', ...own(block.extensions) }]
  }

  #call(block: ToolCallBlock, path: string): JsonObject[] {
    const more = own(block.extensions)
    const id = wireCallId(block.id)
    if (block.kind === 'server') {
      if (typeof more.type === 'string')
        return [{ ...more, id, name: block.name, input: argumentsObject(block.arguments) }]
      this.context.losses.drop(path, 'the call was run by another provider')
      return []
    }
    const input = block.kind === 'custom' ? { input: block.arguments } : argumentsObject(block.arguments)
    return [{ type: 'tool_use', id, name: wireToolName(block.name), input, ...more }]
  }

  #result(block: ToolResultBlock, path: string): JsonObject[] {
    const id = wireCallId(block.callId)
    const all = this.blocks(block.content, at(path, 'content'), 'result')
    const apart = this.context.capabilities.toolResultMedia ? [] : all.filter(isMedia)
    const content = apart.length === 0 ? all : all.filter((wire) => !isMedia(wire))
    const wire: JsonObject = { type: 'tool_result', tool_use_id: id, ...own(block.extensions) }
    const [first] = content
    if (content.length === 1 && first && isPlainText(first)) wire.content = first.text
    else if (first) wire.content = content
    if (block.isError !== undefined) wire.is_error = block.isError
    if (apart.length === 0) return [wire]
    this.context.losses.approximate(path, 'the upstream takes media beside tool results, not inside')
    return [wire, { type: 'text', text: `Returned by tool call ${id}:` }, ...apart]
  }
}

function isMedia(wire: JsonObject): boolean {
  return wire.type === 'image' || wire.type === 'document'
}

/** True for `{type: 'text', text}` and nothing else: it may be written as a string. */
export function isPlainText(wire: JsonObject): boolean {
  return wire.type === 'text' && Object.keys(wire).length === 2
}
