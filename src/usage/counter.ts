import { estimateText } from '../protocol/model/estimate.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'

/**
 * Reads along with an answer and counts what it says, for upstreams that do not say it themselves, or not before they
 * were broken off. Counting starts anew with every report of output tokens: a report covers what came before it.
 */
export class AnswerCounter {
  /** Whether anything of an answer was seen: from then on its target has earned its money. */
  seen = false
  /** Whether the answer came to its own end. */
  complete = false
  #sinceReport = 0

  /** Tokens that came after the last report, about. */
  get sinceReport(): number {
    return Math.ceil(this.#sinceReport)
  }

  read(events: readonly AnswerEvent[]): void {
    this.seen = true
    for (const event of events) this.#count(event)
  }

  #count(event: AnswerEvent): void {
    switch (event.type) {
      case 'block-delta':
        if (event.delta.type === 'text') this.#sinceReport += estimateText(event.delta.text)
        break
      case 'block-start':
        this.#sinceReport += tokensOf(event.block)
        break
      case 'usage':
        if (event.usage.outputTokens !== undefined) this.#sinceReport = 0
        break
      case 'answer-end':
        this.complete = true
        break
      default:
    }
  }
}

type Block = Extract<AnswerEvent, { type: 'block-start' }>['block']

function tokensOf(block: Block): number {
  switch (block.type) {
    case 'text':
    case 'thinking':
    case 'refusal':
      return estimateText(block.text)
    case 'tool-call':
      return estimateText(block.name) + estimateText(block.arguments)
    default:
      return 0
  }
}
