import type { Block } from '../protocol/model/block.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { Fold } from '../protocol/model/fold.ts'
import { TextMark } from './text-mark.ts'

/** What is kept of one candidate. */
interface KeptCandidate {
  /** Thinking and calls as they are; texts and refusals without their words. */
  blocks: Block[]
  text: TextMark
}

/** Blocks of other kinds have nothing that would have to be known again. */
const kept: ReadonlySet<Block['type']> = new Set(['text', 'thinking', 'tool-call', 'refusal'])

type BlockStart = Extract<AnswerEvent, { type: 'block-start' }>
type BlockDelta = Extract<AnswerEvent, { type: 'block-delta' }>

/**
 * An answer folded down to what makes it known again and what its client may drop. It lives as long as the stream, and
 * most of a stream is text: of that only a mark is kept.
 */
export class Turn {
  readonly #fold = new Fold()
  /** By candidate. */
  readonly #texts: TextMark[] = []
  /** By index of the block; absent for blocks that are folded whole, `null` for those whose words do not count. */
  readonly #words: (TextMark | null)[] = []

  /** True once `answer-end` was seen. */
  get complete(): boolean {
    return this.#fold.complete
  }

  get candidates(): KeptCandidate[] {
    return this.#fold.answer.candidates.map(({ blocks }, candidate) => ({
      blocks,
      text: this.#textOf(candidate),
    }))
  }

  push(events: readonly AnswerEvent[]): void {
    for (const event of events)
      if (event.type === 'block-delta') this.#delta(event)
      else if (event.type === 'block-start') this.#start(event)
      else if (event.type === 'answer-end' || event.type === 'answer-error') this.#fold.push([event])
  }

  #start(event: BlockStart): void {
    const { block, index, candidate = 0 } = event
    const wordless = withoutWords(block)
    if (block.type === 'text') {
      this.#words[index] = this.#textOf(candidate)
      this.#words[index]?.add(block.text)
    } else if (wordless !== block || !kept.has(block.type)) this.#words[index] = null
    if (kept.has(block.type)) this.#fold.push([{ ...event, block: wordless }])
  }

  #delta(event: BlockDelta): void {
    const words = this.#words[event.index]
    const { delta } = event
    if (words === undefined || delta.type === 'signature') this.#fold.push([event])
    else if (delta.type === 'text') words?.add(delta.text)
  }

  #textOf(candidate: number): TextMark {
    return (this.#texts[candidate] ??= new TextMark())
  }
}

function withoutWords(block: Block): Block {
  if (block.type === 'text')
    return { type: 'text', text: '', ...(block.signature ? { signature: block.signature } : {}) }
  return block.type === 'refusal' ? { type: 'refusal', text: '' } : block
}
