import { createParser } from 'eventsource-parser'
import { type Fields, fields, isFields, parseJson, text } from '../../rig/json.ts'

export interface WireEvent {
  event?: string
  data: string
}

/** One client dialect: how to ask it, and how to tell the kinds of its endings apart. */
export interface Front {
  name: 'chat-completions' | 'messages'
  path: string
  /** A minimal request with one user text. */
  body(model: string, content: string, stream: boolean): Fields
  /** True for the event that says a stream ended well. */
  isEnd(event: WireEvent): boolean
  /** True for the event that says a stream failed. */
  isError(event: WireEvent): boolean
  /** True when an event claims a finish reason or token counts of the answer's end. */
  claimsFinish(event: WireEvent): boolean
  /** Visible text of one event. */
  textOf(event: WireEvent): string
  /** Visible text of a whole answer. */
  answerText(body: unknown): string
  /** Undefined when `body` is this dialect's error body, else what is wrong with it. */
  errorFault(body: unknown): string | undefined
  /** The message of this dialect's error body. */
  errorMessage(body: unknown): string
}

/** Each event is asked several questions, and there are millions of events. */
const known = new WeakMap<WireEvent, Fields>()

function parsed(event: WireEvent): Fields {
  let found = known.get(event)
  if (!found) known.set(event, (found = fields(parseJson(event.data))))
  return found
}

function choiceOf(event: WireEvent): Fields {
  const choices = parsed(event)['choices']
  return fields(Array.isArray(choices) ? choices[0] : undefined)
}

export const chatFront: Front = {
  name: 'chat-completions',
  path: '/v1/chat/completions',
  body: (model, content, stream) => ({ model, stream, messages: [{ role: 'user', content }] }),
  isEnd: ({ data }) => data === '[DONE]',
  isError: (event) => isFields(parsed(event)['error']),
  claimsFinish: (event) =>
    typeof choiceOf(event)['finish_reason'] === 'string' || isFields(parsed(event)['usage']),
  textOf: (event) => text(fields(choiceOf(event)['delta'])['content']),
  answerText: (body) => {
    const choices = fields(body)['choices']
    return text(fields(fields(Array.isArray(choices) ? choices[0] : undefined)['message'])['content'])
  },
  errorFault: (body) => {
    const error = fields(body)['error']
    if (!isFields(error)) return 'no error object'
    if (typeof error['message'] !== 'string' || error['message'] === '') return 'no error.message'
    if (typeof error['type'] !== 'string') return 'no error.type'
    return undefined
  },
  errorMessage: (body) => text(fields(fields(body)['error'])['message']),
}

export const messagesFront: Front = {
  name: 'messages',
  path: '/v1/messages',
  body: (model, content, stream) => ({
    model,
    max_tokens: 4096,
    stream,
    messages: [{ role: 'user', content }],
  }),
  isEnd: ({ event }) => event === 'message_stop',
  isError: (event) => event.event === 'error' && messagesFront.errorFault(parsed(event)) === undefined,
  claimsFinish: (event) => event.event === 'message_delta',
  textOf: (event) => text(fields(parsed(event)['delta'])['text']),
  answerText: (body) => {
    const content = fields(body)['content']
    return (Array.isArray(content) ? content : []).map((block) => text(fields(block)['text'])).join('')
  },
  errorFault: (body) => {
    if (fields(body)['type'] !== 'error') return 'type is not "error"'
    const error = fields(body)['error']
    if (!isFields(error)) return 'no error object'
    if (typeof error['message'] !== 'string' || error['message'] === '') return 'no error.message'
    if (typeof error['type'] !== 'string') return 'no error.type'
    return undefined
  },
  errorMessage: (body) => text(fields(fields(body)['error'])['message']),
}

export const fronts: readonly Front[] = [chatFront, messagesFront]

export function eventsOf(body: string): WireEvent[] {
  const events: WireEvent[] = []
  const parser = createParser({
    onEvent: ({ event, data }) => events.push(event === undefined ? { data } : { event, data }),
  })
  parser.feed(body)
  return events
}

export function textOfStream(front: Front, events: readonly WireEvent[]): string {
  return events.map((event) => front.textOf(event)).join('')
}
