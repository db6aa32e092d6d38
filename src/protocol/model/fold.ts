import type { Answer, Candidate } from './answer.ts'
import type { Block } from './block.ts'
import type { GatewayError } from './error.ts'
import type { AnswerEvent, Delta } from './event.ts'
import { flatten } from './flatten.ts'
import type { Opaque } from './origin.ts'
import { mergeUsage } from './usage.ts'

/** For so many characters of a text one piece of it may stand apart. */
const CHARACTERS_PER_PIECE = 128
const FIRST_PIECES = 16

/** Folds a stream's events into the whole answer; the one meaning of "the answer" everywhere. */
export class Fold {
  readonly answer: Answer = { candidates: [] }
  /** Set when the stream ended in an error; the answer then holds what came before it. */
  error: GatewayError | undefined
  /** True once `answer-end` was seen. */
  complete = false
  /** The open blocks, by index. */
  readonly #blocks: (Block | undefined)[] = []
  #loosePieces = 0

  push(events: readonly AnswerEvent[]): void {
    for (const event of events) this.#one(event)
  }

  #one(event: AnswerEvent): void {
    switch (event.type) {
      case 'answer-start': {
        const { type: _, ...fields } = event
        Object.assign(this.answer, fields)
        return
      }
      case 'block-start': {
        const block = structuredCopy(event.block)
        this.#blocks[event.index] = block
        this.#candidate(event.candidate ?? 0).blocks.push(block)
        return
      }
      case 'block-delta': {
        const block = this.#blocks[event.index]
        if (!block) return
        applyDelta(block, event.delta)
        this.#settle(block)
        return
      }
      case 'block-end':
        this.#blocks[event.index] = undefined
        return
      case 'usage':
        this.answer.usage = mergeUsage(this.answer.usage, event.usage)
        return
      case 'answer-end':
        this.complete = true
        event.finishes.forEach((finish, candidate) => {
          this.#candidate(candidate).finish = finish
        })
        if (event.extensions)
          this.answer.extensions = mergeExtensions(this.answer.extensions, event.extensions)
        return
      case 'answer-error':
        this.error = event.error
    }
  }

  /** The longer the text, the more pieces of it may stand apart: each is copied a few times at most. */
  #settle(block: Block): void {
    const text = block.type === 'tool-call' ? block.arguments : 'text' in block ? block.text : ''
    this.#loosePieces += 1
    if ((this.#loosePieces - FIRST_PIECES) * CHARACTERS_PER_PIECE < text.length) return
    this.#loosePieces = 0
    flatten(text)
  }

  #candidate(index: number): Candidate {
    while (this.answer.candidates.length <= index)
      this.answer.candidates.push({ blocks: [], finish: { reason: 'other' } })
    return this.answer.candidates[index] as Candidate
  }
}

/** The whole answer of a finished stream; throws its error when it ended in one. */
export function fold(events: readonly AnswerEvent[]): Answer {
  const state = new Fold()
  state.push(events)
  if (state.error) throw state.error
  return state.answer
}

/** Applies one delta to a block in place; a delta that does not fit the block changes nothing. */
export function applyDelta(block: Block, delta: Delta): void {
  switch (delta.type) {
    case 'text':
      if (block.type === 'tool-call') block.arguments += delta.text
      else if ('text' in block) block.text += delta.text
      return
    case 'signature':
      if (block.type === 'thinking') block.opaque = withOpaque(block.opaque, delta.signature)
      else if (block.type === 'text' || block.type === 'tool-call' || block.type === 'media')
        block.signature = delta.signature
      return
    case 'citation':
      if (block.type === 'text') (block.citations ??= []).push(delta.citation)
      return
    case 'logprobs':
      if (block.type === 'text') block.logprobs = [...(block.logprobs ?? []), ...delta.logprobs]
      return
    case 'media':
      if (block.type !== 'media') return
      if (block.source.type === 'base64' && delta.data !== undefined) block.source.data += delta.data
      if (delta.transcript !== undefined) block.transcript = (block.transcript ?? '') + delta.transcript
      return
    case 'wire':
      if (block.type === 'unknown') {
        const pieces = block.wire['xjp_deltas']
        block.wire['xjp_deltas'] = [...(Array.isArray(pieces) ? pieces : []), delta.wire]
      }
  }
}

/** Signatures replace one another (Anthropic SDK assigns); details and encrypted parts queue up. */
function withOpaque(list: Opaque[] | undefined, next: Opaque): Opaque[] {
  if (!list) return [next]
  if (next.kind !== 'signature') return [...list, next]
  return [...list.filter((entry) => entry.kind !== 'signature'), next]
}

function mergeExtensions<T extends object>(earlier: T | undefined, later: T): T {
  if (!earlier) return later
  const merged = { ...earlier } as Record<string, unknown>
  for (const [dialect, fields] of Object.entries(later))
    merged[dialect] = { ...(merged[dialect] as object | undefined), ...(fields as object) }
  return merged as T
}

/** Blocks are small trees of plain data; the fold must not write into the event it was given. */
function structuredCopy(block: Block): Block {
  const copy = { ...block } as Block
  if (copy.type === 'media') copy.source = { ...copy.source }
  if (copy.type === 'text' && copy.citations) copy.citations = [...copy.citations]
  if (copy.type === 'unknown') copy.wire = { ...copy.wire }
  return copy
}
