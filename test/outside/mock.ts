import { isObject, type JsonObject, parseJson } from '../../src/protocol/model/json.ts'

/** One request as the upstream received it. */
export interface Received {
  method: string
  path: string
  query: string
  headers: Record<string, string>
  body: JsonObject
}

/** What an upstream answers: a JSON body, events of a stream, or a ready response. */
export type Answer = JsonObject | readonly (JsonObject | string)[] | Response

/** Answers the next requests until it is replaced; undefined leaves it to the least the documentation allows. */
export type Script = (received: Received) => Answer | undefined

export interface Mock {
  url: string
  received: Received[]
  last(): Received
  answer(script: Script | undefined): void
  stop(): void
}

/**
 * An upstream of all vendors that knows nothing but the documented paths and answers with the least the documentation
 * allows: no usage where it is optional, no member a vendor may leave out.
 */
export function startMock(): Mock {
  const received: Received[] = []
  let script: Script | undefined
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const url = new URL(request.url)
      const parsed = parseJson(await request.text())
      const entry: Received = {
        method: request.method,
        path: url.pathname,
        query: url.search,
        headers: Object.fromEntries(request.headers),
        body: isObject(parsed) ? parsed : {},
      }
      received.push(entry)
      const answer = script?.(entry) ?? least(entry)
      return answer instanceof Response ? answer : respond(entry, answer)
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    received,
    last() {
      const entry = received.at(-1)
      if (!entry) throw new Error('nothing reached the upstream')
      return entry
    },
    answer(next) {
      script = next
    },
    stop: () => void server.stop(true),
  }
}

type Wire = 'chat' | 'messages' | 'google' | 'count' | 'models'

const paths: readonly [RegExp, Wire][] = [
  [/\/(count_tokens|count-tokens:rawPredict)$|:countTokens$/, 'count'],
  [/\/chat\/completions$/, 'chat'],
  [/\/v1\/messages$|:(rawPredict|streamRawPredict)$/, 'messages'],
  [/:(generateContent|streamGenerateContent)$/, 'google'],
  [/\/models$/, 'models'],
]

function wireOf({ path }: Received): Wire | undefined {
  return paths.find(([pattern]) => pattern.test(path))?.[1]
}

/** Whether the request asks for a stream, in the way of its wire. */
function isStreamed({ path, body }: Received): boolean {
  return body['stream'] === true || path.endsWith(':streamGenerateContent')
}

function least(received: Received): Answer {
  const wire = wireOf(received)
  if (wire === undefined)
    return Response.json({ error: { message: `no such path ${received.path}` } }, { status: 404 })
  if (wire === 'count')
    return received.path.endsWith(':countTokens') ? { totalTokens: 7 } : { input_tokens: 7 }
  if (wire === 'models') return { data: [] }
  return isStreamed(received) ? streams[wire] : wholes[wire]
}

const wholes: Record<'chat' | 'messages' | 'google', JsonObject> = {
  chat: {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  },
  messages: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text: 'ok' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  },
  google: { candidates: [{ content: { role: 'model', parts: [{ text: 'ok' }] }, finishReason: 'STOP' }] },
}

const streams: Record<'chat' | 'messages' | 'google', readonly (JsonObject | string)[]> = {
  chat: [
    chatChunk({ role: 'assistant', content: '' }),
    chatChunk({ content: 'ok' }),
    chatChunk({}, 'stop'),
    '[DONE]',
  ],
  messages: [
    { type: 'message_start', message: { ...wholes.messages, content: [], stop_reason: null } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'ok' } },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 1 },
    },
    { type: 'message_stop' },
  ],
  google: [wholes.google],
}

function chatChunk(delta: JsonObject, finish: string | null = null): JsonObject {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finish }],
  }
}

function respond(received: Received, answer: JsonObject | readonly (JsonObject | string)[]): Response {
  if (!Array.isArray(answer)) return Response.json(answer)
  const named = wireOf(received) === 'messages'
  const text = answer.map((event) => framed(event, named)).join('')
  return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
}

function framed(event: JsonObject | string, named: boolean): string {
  if (typeof event === 'string') return `data: ${event}\n\n`
  return `${named ? `event: ${event['type']}\n` : ''}data: ${JSON.stringify(event)}\n\n`
}
