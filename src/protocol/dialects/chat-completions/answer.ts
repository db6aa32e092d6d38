import type { Answer } from '../../model/answer.ts'
import { Losses } from '../../model/dropped.ts'
import type { AnswerEvent } from '../../model/event.ts'
import type { JsonObject } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import type { AnswerContext, DecodeContext, EncodedAnswer } from '../dialect.ts'
import { clientId } from './client-view.ts'
import { giveBack } from './extensions.ts'
import { MessageWriter } from './message-writer.ts'
import { AnswerReader } from './reader.ts'
import { encodeUsage } from './usage.ts'

/** A whole answer as the events of its stream; throws the error the body is or holds. */
export function decodeAnswer(body: JsonObject, context: DecodeContext): AnswerEvent[] {
  const reader = new AnswerReader(context)
  reader.read(body)
  reader.end(true)
  const events = reader.take()
  const last = events.at(-1)
  if (last?.type === 'answer-error') throw last.error
  return events
}

/** `{id, object, created, model, choices, usage}` for a client (protocol.md §1.1). */
export function encodeAnswer(answer: Answer, context: AnswerContext): EncodedAnswer {
  const losses = new Losses()
  const body: JsonObject = {
    id: clientId(answer.id, answer.extensions, context.id),
    object: 'chat.completion',
    created: answer.created ?? context.created,
    model: context.model,
    choices: answer.candidates.map((candidate, index) =>
      new MessageWriter(context, losses).choice(candidate, index),
    ),
    usage: answer.usage && encodeUsage(answer.usage),
  }
  return { body: giveBack(defined(body), answer.extensions), dropped: losses.list }
}
