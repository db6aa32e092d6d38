import { type Front, textOfStream } from '../../promises/support/fronts.ts'
import { type Fields, fields, parseJson, text } from '../../rig/json.ts'
import type { Seen } from '../load/client.ts'

/** A call of a tool, its arguments as JSON text. */
interface Called {
  name: string
  arguments: string
}

/** What an answer says to its reader, in words of no dialect. */
export interface Answer {
  text: string
  calls: Called[]
  /** It says that it ended well. */
  isEnded: boolean
  /** It says that it failed: how many times. */
  errors: number
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

export function answerOf(front: Front, seen: Seen): Answer {
  if (seen.events.length > 0)
    return {
      text: textOfStream(front, seen.events),
      calls: front.name === 'messages' ? callsOfMessagesStream(seen) : callsOfChatStream(seen),
      isEnded: seen.events.some((event) => front.isEnd(event)),
      errors: seen.events.filter((event) => front.isError(event)).length,
    }
  return {
    text: front.answerText(seen.json),
    calls: front.name === 'messages' ? callsOfMessage(seen.json) : callsOfCompletion(seen.json),
    isEnded: seen.json !== undefined && seen.ended === 'complete',
    errors: 0,
  }
}

function callsOfCompletion(body: unknown): Called[] {
  const choice = fields(list(fields(body)['choices'])[0])
  return list(fields(choice['message'])['tool_calls']).map((call) => called(fields(fields(call)['function'])))
}

function called({ name, arguments: given }: Fields): Called {
  return { name: text(name), arguments: text(given) }
}

function callsOfMessage(body: unknown): Called[] {
  return list(fields(body)['content'])
    .map(fields)
    .filter((block) => block['type'] === 'tool_use')
    .map((block) => ({ name: text(block['name']), arguments: JSON.stringify(block['input']) }))
}

/** Pieces of calls, put together by their index. */
class Pieces {
  readonly #calls = new Map<number, Called>()

  add(index: number, name: string, more: string): void {
    const call = this.#calls.get(index) ?? { name: '', arguments: '' }
    this.#calls.set(index, { name: call.name + name, arguments: call.arguments + more })
  }

  get all(): Called[] {
    return [...this.#calls.values()]
  }
}

function callsOfChatStream({ events }: Seen): Called[] {
  const pieces = new Pieces()
  for (const { data } of events) {
    const choice = fields(list(fields(parseJson(data))['choices'])[0])
    for (const call of list(fields(choice['delta'])['tool_calls']).map(fields)) {
      const made = fields(call['function'])
      pieces.add(Number(call['index'] ?? 0), text(made['name']), text(made['arguments']))
    }
  }
  return pieces.all
}

function callsOfMessagesStream({ events }: Seen): Called[] {
  const pieces = new Pieces()
  for (const { data } of events) {
    const event = fields(parseJson(data))
    const block = fields(event['content_block'])
    const delta = fields(event['delta'])
    if (block['type'] === 'tool_use') pieces.add(Number(event['index']), text(block['name']), '')
    if (delta['type'] === 'input_json_delta')
      pieces.add(Number(event['index']), '', text(delta['partial_json']))
  }
  return pieces.all
}
