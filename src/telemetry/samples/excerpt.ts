import type { Block } from '../../protocol/model/block.ts'
import type { AnswerEvent } from '../../protocol/model/event.ts'
import type { ChatRequest } from '../../protocol/model/request.ts'

/** What a block is in a sample; media are named, not kept. `left_out`: characters beyond what a sample may hold. */
export type Part = Readonly<Record<string, string | number | boolean | readonly Part[]>>

export interface SampledMessage {
  role: string
  parts: Part[]
}

/** A secret that begins in what is kept ends in what is looked through for it. */
const MARGIN = 4_096

/** So many characters may be kept; every text takes its own, without secrets. */
export class Allowance {
  #left: number
  readonly #clean: (text: string) => string

  constructor(characters: number, clean: (text: string) => string) {
    this.#left = characters
    this.#clean = clean
  }

  get spent(): boolean {
    return this.#left <= 0
  }

  /** The text, or the beginning of it that there is still room for, as members of a part. */
  take(name: string, text: string, known = text.length): Part {
    const room = Math.max(0, this.#left)
    const clean = this.#clean(text.length > room + MARGIN ? text.slice(0, room + MARGIN) : text)
    const kept = clean.length > room ? clean.slice(0, room) : clean
    this.#left -= kept.length
    const leftOut = clean.length > room ? Math.max(1, known - room) : known - text.length
    return leftOut > 0 ? { [name]: kept, left_out: leftOut } : { [name]: kept }
  }
}

/** The newest messages that there is room for, in their order, and how many came before them. */
export function promptOf(
  { messages }: Pick<ChatRequest, 'messages'>,
  allowance: Allowance,
): { messages: SampledMessage[]; earlier: number } {
  const kept: SampledMessage[] = []
  for (const { role, content } of messages.toReversed()) {
    if (allowance.spent) break
    kept.unshift({ role, parts: content.map((block) => partOf(block, allowance)) })
  }
  return { messages: kept, earlier: messages.length - kept.length }
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
      return { type: 'tool-result', parts: block.content.map((inner) => partOf(inner, allowance)) }
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
  /** Characters that came, kept or not. */
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
    return [...this.#parts.values()].map(({ type, name, text, characters }) => ({
      type,
      ...(name === undefined ? {} : allowance.take('name', name)),
      ...allowance.take(type === 'tool-call' ? 'arguments' : 'text', text, characters),
    }))
  }

  #begin(index: number, block: Block): void {
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
