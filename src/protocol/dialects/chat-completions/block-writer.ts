import type { Losses } from '../../model/dropped.ts'
import type { Delta } from '../../model/event.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import type { AnswerContext } from '../dialect.ts'

/** Writes one block of a streamed answer as deltas; each member returns the text to send. */
export interface BlockWriter {
  start(): string
  delta(delta: Delta): string
  end(): string
}

/** What a block writer sees of the stream around it. */
export interface Place {
  context: AnswerContext
  losses: Losses
  path: string
  /** Counters of the candidate: visible text so far, calls shown, thinking blocks. */
  counts: { text: number; calls: number; thoughts: number }
  emit(delta: JsonObject): string
  /** The fast way for the common case. */
  emitText(member: 'content' | 'reasoning_content' | 'refusal', text: string): string
  emitLogprobs(logprobs: Json[]): string
}

/** Shows nothing. */
export const silent: BlockWriter = { start: () => '', delta: () => '', end: () => '' }
