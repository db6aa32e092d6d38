import { GatewayError } from '../../model/error.ts'
import type { AnswerEvent } from '../../model/event.ts'
import { isObject, type Json, parseJson } from '../../model/json.ts'
import type { Frame, Machine } from '../../model/machine.ts'
import type { AnswerContext, DecodeContext, StreamEncoder } from '../dialect.ts'
import { errorInBody } from './error.ts'
import { AnswerReader } from './reader.ts'
import { StreamWriter } from './stream-writer.ts'

const DONE = '[DONE]'

/** Frames → events. `[DONE]` ends the answer; so does the end of input once every choice has its finish reason. */
export function decodeStream(context: DecodeContext): Machine<Frame, AnswerEvent> {
  const reader = new AnswerReader(context)
  return {
    push(frame) {
      if (reader.isOver) return []
      readFrame(reader, frame)
      return reader.take()
    },
    end() {
      reader.end(false)
      return reader.take()
    },
  }
}

function readFrame(reader: AnswerReader, { event, data }: Frame): void {
  if (data.length < 16 && data.trim() === DONE) {
    reader.end(true)
    return
  }
  const parsed = parseJson(data)
  if (event === 'error') reader.fail(errorInBody(errorOf(parsed, data)))
  else if (isObject(parsed)) reader.read(parsed)
  else if (data.trim() !== '') reader.fail(notJson(data))
}

/** `event: error` with an error object, with its bare contents, or with plain text (protocol.md §1.1). */
function errorOf(parsed: Json | undefined, data: string): Json {
  if (isObject(parsed)) return parsed['error'] ?? parsed
  return data
}

function notJson(data: string): GatewayError {
  const shown = data.length > 80 ? `${data.slice(0, 80)}…` : data
  const withoutContent = 'the upstream sent an event that is not a JSON object'
  return new GatewayError('upstream_invalid', `${withoutContent}: ${shown}`, { withoutContent })
}

export function encodeStream(context: AnswerContext): StreamEncoder {
  return new StreamWriter(context)
}
