import type { AnswerEvent } from '../../model/event.ts'
import type { JsonObject } from '../../model/json.ts'
import type { DecodeContext } from '../dialect.ts'
import { AnswerDecoder } from './stream.ts'

/** A whole answer is a stream of one chunk; throws when it is an error or no answer. */
export function decodeAnswer(body: JsonObject, context: DecodeContext): AnswerEvent[] {
  const decoder = new AnswerDecoder(context)
  const events = [...decoder.chunk(body), ...decoder.end()]
  const last = events[events.length - 1]
  if (last?.type === 'answer-error') throw last.error
  return events
}
