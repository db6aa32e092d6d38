import type { Answer } from './answer.ts'
import type { Block } from './block.ts'
import type { AnswerEvent } from './event.ts'

/** A whole answer as the stream that would have made it: `fold(expand(answer))` equals `answer`. */
export function expand(answer: Answer): AnswerEvent[] {
  const { candidates, usage, ...start } = answer
  const events: AnswerEvent[] = [{ type: 'answer-start', ...start }]
  let index = 0
  candidates.forEach((candidate, number) => {
    for (const block of candidate.blocks) {
      const { opened, text } = withoutText(block)
      events.push({ type: 'block-start', index, ...(number > 0 ? { candidate: number } : {}), block: opened })
      if (text) events.push({ type: 'block-delta', index, delta: { type: 'text', text } })
      events.push({ type: 'block-end', index })
      index += 1
    }
  })
  if (usage) events.push({ type: 'usage', usage })
  events.push({ type: 'answer-end', finishes: candidates.map((candidate) => candidate.finish) })
  return events
}

/** Text-like content travels as a delta, as it does in a real stream; everything else stays in the block. */
function withoutText(block: Block): { opened: Block; text: string } {
  if (block.type === 'tool-call') return { opened: { ...block, arguments: '' }, text: block.arguments }
  if (block.type === 'text' || block.type === 'thinking' || block.type === 'refusal')
    return { opened: { ...block, text: '' }, text: block.text }
  return { opened: block, text: '' }
}
