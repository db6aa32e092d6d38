import type { Citation, ThinkingBlock, ToolCallBlock } from '../../model/block.ts'
import { type Dropped, Losses } from '../../model/dropped.ts'
import { EMPTY_ENVELOPE, wrapOpaque } from '../../model/envelope.ts'
import { GatewayError } from '../../model/error.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Opaque } from '../../model/origin.ts'
import type { AnswerContext } from '../dialect.ts'
import type { Said } from './finish.ts'
import { wireCallId } from './names.ts'
import { DIALECT, own } from './wire.ts'

/** What whole and streamed answers to a client of this dialect have in common. */
export class AnswerParts {
  readonly said: Said = { toolCalls: false, refusal: false }
  readonly #context: AnswerContext
  readonly #losses = new Losses()

  constructor(context: AnswerContext) {
    this.#context = context
  }

  get dropped(): readonly Dropped[] {
    return this.#losses.list
  }

  messageId(id: string | undefined): string {
    return id?.startsWith('msg_') ? id : `msg_${this.#context.id}`
  }

  /** Content the dialect has no place for: refused in strict mode, else left out and reported. */
  unplaced(path: string, what: string): void {
    const why = `Anthropic Messages has no place for ${what}`
    if (this.#context.strict)
      throw new GatewayError('unsupported', `${path}: ${why}; ask for text only, or switch output_strict off`)
    if (!this.dropped.some((entry) => entry.path === path)) this.#losses.drop(path, why)
  }

  /** Citations of this dialect; one that only has an address cannot be made up (protocol.md §2.11). */
  citation(citation: Citation, path: string): JsonObject | undefined {
    if (citation.wire?.dialect === DIALECT) return citation.wire.value
    this.#losses.drop(`${path}.citations`, 'a citation of another provider cannot be written in this dialect')
    return undefined
  }

  /** A thinking block always closes with one signature; a stand-in where there is none (protocol.md §2.8.2). */
  signature(opaque: readonly Opaque[] | undefined): string {
    return this.#wrapped(opaque, 'signature') || EMPTY_ENVELOPE
  }

  redacted(block: ThinkingBlock): JsonObject {
    return {
      type: 'redacted_thinking',
      data: this.#wrapped(block.opaque, 'redacted') || EMPTY_ENVELOPE,
      ...own(block.extensions),
    }
  }

  /** The block's wire form without its input. Undefined for calls another provider ran itself. */
  call(block: ToolCallBlock): JsonObject | undefined {
    const more = own(block.extensions)
    const id = wireCallId(block.id)
    if (block.kind === 'server')
      return typeof more.type === 'string' ? { ...more, id, name: block.name } : undefined
    this.said.toolCalls = true
    return { type: 'tool_use', id, name: block.name, ...more }
  }

  /**
   * The foreign signature of a call, as a block before it. Only for clients that asked for thinking: they know
   * blocks of this kind and send them back.
   */
  carrier(block: ToolCallBlock): JsonObject | undefined {
    const { reasoning } = this.#context.request
    const wanted = reasoning !== undefined && reasoning.mode !== undefined && reasoning.mode !== 'disabled'
    if (!wanted || block.signature === undefined) return undefined
    return { type: 'redacted_thinking', data: this.#wrapped([block.signature], 'redacted') }
  }

  #wrapped(opaque: readonly Opaque[] | undefined, kind: 'signature' | 'redacted'): string {
    return (opaque ?? [])
      .map((entry) => wrapOpaque({ ...entry, maker: entry.maker ?? this.#context.maker }, DIALECT, kind))
      .join(',')
  }
}
