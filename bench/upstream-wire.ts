import { EVENT_BYTES, MARKER, WHOLE_BYTES, type WireDialect } from './dialects.ts'

/** What the scripted upstream writes in one dialect: ready bytes, so that it costs one write an event. */
export interface UpstreamWire {
  /** A whole answer, with its head. */
  whole: Uint8Array
  /** Head of a stream and the events before the first content. */
  opening: Uint8Array
  /** One content event, as one HTTP chunk. */
  event: Uint8Array
  /** The events after the last content and the end of the body. */
  ending: Uint8Array
}

interface Script {
  whole(text: string): object
  opening: readonly string[]
  event(text: string): string
  ending: readonly string[]
}

const MODEL = 'bench-model'
const CREATED = 1_700_000_000

const data = (value: object): string => `data: ${JSON.stringify(value)}\n\n`
const named = (value: { type: string; [member: string]: unknown }): string =>
  `event: ${value.type}\n${data(value)}`

const chunk = (delta: object, finish: string | null = null): string =>
  data({
    id: 'chatcmpl-bench00000000000000000000',
    object: 'chat.completion.chunk',
    created: CREATED,
    model: MODEL,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  })

const chatUsage = { prompt_tokens: 200, completion_tokens: 100, total_tokens: 300 }
const messagesUsage = { input_tokens: 200, output_tokens: 100 }
const googleUsage = { promptTokenCount: 200, candidatesTokenCount: 100, totalTokenCount: 300 }

const candidate = (text: string, finish?: string): object => ({
  candidates: [
    {
      content: { parts: [{ text }], role: 'model' },
      ...(finish === undefined ? {} : { finishReason: finish }),
      index: 0,
    },
  ],
  usageMetadata: googleUsage,
  modelVersion: MODEL,
  responseId: 'bench0000',
})

const SCRIPTS: Record<WireDialect, Script> = {
  'chat-completions': {
    whole: (text) => ({
      id: 'chatcmpl-bench00000000000000000000',
      object: 'chat.completion',
      created: CREATED,
      model: MODEL,
      choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
      usage: chatUsage,
    }),
    opening: [chunk({ role: 'assistant', content: '' })],
    event: (text) => chunk({ content: text }),
    ending: [
      chunk({}, 'stop'),
      data({
        id: 'chatcmpl-bench00000000000000000000',
        object: 'chat.completion.chunk',
        created: CREATED,
        model: MODEL,
        choices: [],
        usage: chatUsage,
      }),
      'data: [DONE]\n\n',
    ],
  },
  messages: {
    whole: (text) => ({
      id: 'msg_bench0000000000000000000',
      type: 'message',
      role: 'assistant',
      model: MODEL,
      content: [{ type: 'text', text }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: messagesUsage,
    }),
    opening: [
      named({
        type: 'message_start',
        message: {
          id: 'msg_bench0000000000000000000',
          type: 'message',
          role: 'assistant',
          model: MODEL,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 200, output_tokens: 1 },
        },
      }),
      named({
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'text', text: '' },
      }),
    ],
    event: (text) => named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
    ending: [
      named({ type: 'content_block_stop', index: 0 }),
      named({
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 100 },
      }),
      named({ type: 'message_stop' }),
    ],
  },
  'generate-content': {
    whole: (text) => candidate(text, 'STOP'),
    opening: [],
    event: (text) => data(candidate(text)),
    ending: [data(candidate('', 'STOP'))],
  },
}

/** The bytes of one dialect; `wholeBytes` is the length of a whole answer's JSON. */
export function upstreamWire(dialect: WireDialect, wholeBytes = WHOLE_BYTES): UpstreamWire {
  const script = SCRIPTS[dialect]
  const whole = padded((text) => JSON.stringify(script.whole(text)), wholeBytes)
  return {
    whole: bytes(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${whole.length}\r\n\r\n${whole}`,
    ),
    opening: bytes(
      'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n' +
        `transfer-encoding: chunked\r\n\r\n${script.opening.map(httpChunk).join('')}`,
    ),
    event: bytes(httpChunk(padded(script.event, EVENT_BYTES))),
    ending: bytes(`${script.ending.map(httpChunk).join('')}0\r\n\r\n`),
  }
}

/** Makes the text as long as it takes for the whole to have `length` bytes; it carries the marker once. */
function padded(make: (text: string) => string, length: number): string {
  const shortest = make(MARKER).length
  if (shortest > length) throw new Error(`a text of ${shortest} bytes does not fit into ${length}`)
  return make(MARKER + 'word '.repeat(length).slice(0, length - shortest))
}

const httpChunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
