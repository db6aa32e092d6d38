import type { Block } from '../../protocol/model/block.ts'
import type { AnswerEvent } from '../../protocol/model/event.ts'
import type { ChatRequest } from '../../protocol/model/request.ts'

/** What a block is in a sample; media are named, not kept. `cut_from`: how long a text was that was cut. */
export type Part = Readonly<Record<string, string | number | boolean | readonly Part[]>>

export interface SampledMessage {
  role: string
  parts: Part[]
}

/** A secret that begins in what is kept ends in what is looked through for it. */
const MARGIN = 4_096
/** Where a text was cut, half a secret may stand at its end. */
const TAIL = 1_024
/** What a part or a message takes beside its text. */
const OVERHEAD = 32

/** So many characters may be kept; every text takes its own, without secrets. */
export class Allowance {
  #left: number
  readonly #clean: (text: string) => string

  constructor(characters: number, clean: (text: string) => string) {
    this.#left = characters
    this.#clean = clean
  }

  /** Room for one thing more; false when there is none. */
  begin(): boolean {
    this.#left -= OVERHEAD
    return this.#left > 0
  }

  /**
   * The text, or the beginning of it that there is still room for, as members of a part. `length`: of the whole text,
   * when what is given is its beginning.
   */
  take(name: string, text: string, length = text.length): Part {
    const room = Math.max(0, this.#left)
    const looked = text.slice(0, room + MARGIN)
    const clean = this.#clean(looked)
    const kept = clean.slice(0, Math.min(room, looked.length < length ? clean.length - TAIL : clean.length))
    this.#left -= kept.length
    return kept.length < clean.length || looked.length < length
      ? { [name]: kept, cut_from: length }
      : { [name]: kept }
  }
}

/** The newest messages that there is room for, in their order, and how many came before them. */
export function promptOf(
  { messages }: Pick<ChatRequest, 'messages'>,
  allowance: Allowance,
): { messages: SampledMessage[]; earlier: number } {
  const kept: SampledMessage[] = []
  for (const { role, content } of messages.toReversed()) {
    if (!allowance.begin()) break
    kept.unshift({ role, parts: partsOf(content, allowance) })
  }
  return { messages: kept, earlier: messages.length - kept.length }
}

function partsOf(blocks: readonly Block[], allowance: Allowance): Part[] {
  const parts: Part[] = []
  for (const block of blocks) {
    if (!allowance.begin()) return [...parts, { more: blocks.length - parts.length }]
    parts.push(partOf(block, allowance))
  }
  return parts
}

function partOf(block: Block, allowance: Allowance): Part {
  switch (block.type) {
    case 'text':
    case 'thinking':
    case 'refusal':
      return { type: block.type, ...allowance.take('text', block.text) }
    case 'tool-call':
      return {
        type: 'tool-call',
        ...allowance.take('name', block.name),
        ...allowance.take('arguments', block.arguments),
      }
    case 'tool-result':
      return { type: 'tool-result', parts: partsOf(block.content, allowance) }
    case 'media':
      return { type: block.kind, source: block.source.type, ...sizeOf(block.source) }
    case 'unknown':
      return { type: 'unknown', ...allowance.take('text', JSON.stringify(block.wire)) }
  }
}

function sizeOf(source: Extract<Block, { type: 'media' }>['source']): Part {
  if (source.type === 'base64') return { characters: source.data.length }
  return source.type === 'text' ? { characters: source.text.length } : {}
}

interface OpenPart {
  type: string
  name?: string
  text: string
  /** How many characters came, kept or not. */
  characters: number
}

/** Reads an answer along while it passes, and keeps no more of it than a sample may hold. */
export class AnswerExcerpt {
  readonly #parts = new Map<number, OpenPart>()
  #left: number

  constructor(characters: number) {
    this.#left = characters + MARGIN
  }

  push(events: readonly AnswerEvent[]): void {
    for (const event of events) {
      if (event.type === 'block-start') this.#begin(event.index, event.block)
      else if (event.type === 'block-delta' && event.delta.type === 'text')
        this.#append(event.index, event.delta.text)
    }
  }

  parts(allowance: Allowance): Part[] {
    const parts: Part[] = []
    for (const { type, name, text, characters } of this.#parts.values()) {
      if (!allowance.begin()) break
      parts.push({
        type,
        ...(name === undefined ? {} : allowance.take('name', name)),
        ...allowance.take(type === 'tool-call' ? 'arguments' : 'text', text, characters),
      })
    }
    return parts
  }

  #begin(index: number, block: Block): void {
    this.#left -= OVERHEAD
    if (this.#left <= 0) return
    const part: OpenPart = { type: block.type === 'media' ? block.kind : block.type, text: '', characters: 0 }
    if (block.type === 'tool-call') part.name = block.name
    this.#parts.set(index, part)
    if (block.type === 'tool-call') this.#append(index, block.arguments)
    else if ('text' in block) this.#append(index, block.text)
  }

  #append(index: number, text: string): void {
    const part = this.#parts.get(index)
    if (!part) return
    part.characters += text.length
    if (this.#left <= 0) return
    const kept = text.length > this.#left ? text.slice(0, this.#left) : text
    this.#left -= kept.length
    part.text += kept
  }
}
