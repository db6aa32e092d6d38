import type { Block, ToolCallBlock, UnknownBlock } from '../../model/block.ts'
import type { Delta } from '../../model/event.ts'
import { isObject } from '../../model/json.ts'
import type { AnswerParts } from './answer-parts.ts'
import { type BlockWriter, close, open, type Place, piece } from './block-frames.ts'
import { CallWriter } from './call-writer.ts'
import { RedactedWriter, TextWriter, ThinkingWriter } from './text-writer.ts'
import { DIALECT } from './wire.ts'

/** The writer for a block; `index` is its number in the model, used to name it in losses. */
export function writerOf(block: Block, index: number, place: Place, parts: AnswerParts): BlockWriter {
  switch (block.type) {
    case 'text':
      return new TextWriter(block, index, place, parts)
    case 'refusal':
      parts.said.refusal = true
      return new TextWriter(block, index, place, parts)
    case 'thinking':
      return block.redacted
        ? new RedactedWriter(block, place, parts)
        : new ThinkingWriter(block, place, parts)
    case 'tool-call':
      return callWriter(block, index, place, parts)
    case 'unknown':
      if (block.dialect === DIALECT) return new UnknownWriter(block, place)
      return new AbsentWriter(`content[${index}]`, `a block of ${block.dialect}`, parts)
    case 'media':
      return new AbsentWriter(`content[${index}]`, `${block.kind} output`, parts)
    case 'tool-result':
      return new AbsentWriter(`content[${index}]`, 'a tool result in an answer', parts)
  }
}

function callWriter(block: ToolCallBlock, index: number, place: Place, parts: AnswerParts): BlockWriter {
  const wire = parts.call(block)
  if (wire === undefined)
    return new AbsentWriter(`content[${index}]`, 'a tool call that another provider ran', parts)
  return new CallWriter(block, wire, parts.carrier(block), place)
}

/** A block of this dialect that the model has no place for goes on as it came. */
class UnknownWriter implements BlockWriter {
  readonly #block: UnknownBlock
  readonly #place: Place
  #index = -1

  constructor(block: UnknownBlock, place: Place) {
    this.#block = block
    this.#place = place
  }

  start(): string {
    const { xjp_deltas: deltas, ...wire } = this.#block.wire
    this.#index = this.#place.next++
    const begun = open(this.#index, wire)
    const pieces = Array.isArray(deltas) ? deltas.filter(isObject) : []
    return begun + pieces.map((delta) => piece(this.#index, JSON.stringify(delta))).join('')
  }

  delta(delta: Delta): string {
    return delta.type === 'wire' ? piece(this.#index, JSON.stringify(delta.wire)) : ''
  }

  end(): string {
    return close(this.#index)
  }
}

/** Content that cannot be shown: refused or reported once, when it begins. */
class AbsentWriter implements BlockWriter {
  constructor(path: string, what: string, parts: AnswerParts) {
    parts.unplaced(path, what)
  }

  start(): string {
    return ''
  }

  delta(): string {
    return ''
  }

  end(): string {
    return ''
  }
}
