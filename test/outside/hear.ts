import { isObject, type JsonObject } from '../../src/protocol/model/json.ts'
import type { Reply } from './stage.ts'

/** What a client understands of an answer, whole or streamed, in either dialect. */
export interface Heard {
  status: number
  text: string
  thinking: string
  refusal: string
  calls: { name: unknown; arguments: unknown }[]
  finish: string
  input: number
  output: number
  /** The error's message, empty when there was none. */
  error: string | RegExp
}

/** The answer as a client reads it that knows nothing but the documentation of its own dialect. */
export function hear(path: string, reply: Reply, parse: (text: string) => unknown = JSON.parse): Heard {
  const heard: Heard = {
    status: reply.status,
    text: '',
    thinking: '',
    refusal: '',
    calls: [],
    finish: '',
    input: 0,
    output: 0,
    error: '',
  }
  const events = reply.text.startsWith('{') ? [reply.json] : eventsOf(reply.text)
  const listener = path === '/v1/messages' ? new MessageListener(heard) : new ChatListener(heard)
  for (const event of events) {
    if (isObject(event['error'])) heard.error = String(event['error']['message'])
    else listener.hear(event)
  }
  for (const call of heard.calls)
    if (typeof call.arguments === 'string')
      call.arguments = parse(call.arguments === '' ? '{}' : call.arguments)
  return heard
}

function eventsOf(text: string): JsonObject[] {
  return text.split('\n\n').flatMap((event) => {
    const data = event.split('\n').find((line) => line.startsWith('data: '))
    return data === undefined || data === 'data: [DONE]' ? [] : [JSON.parse(data.slice(6)) as JsonObject]
  })
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

class ChatListener {
  readonly #heard: Heard

  constructor(heard: Heard) {
    this.#heard = heard
  }

  hear(event: JsonObject): void {
    const heard = this.#heard
    if (isObject(event['usage'])) {
      heard.input = Number(event['usage']['prompt_tokens'])
      heard.output = Number(event['usage']['completion_tokens'])
    }
    const [choice] = objects(event['choices'])
    if (!choice) return
    heard.finish = textIn(choice['finish_reason']) || heard.finish
    const message = choice['delta'] ?? choice['message']
    if (!isObject(message)) return
    heard.text += textIn(message['content'])
    heard.thinking += textIn(message['reasoning_content'])
    heard.refusal += textIn(message['refusal'])
    for (const [position, call] of objects(message['tool_calls']).entries())
      this.#call(call, Number(call['index'] ?? position))
  }

  #call(call: JsonObject, index: number): void {
    const { calls } = this.#heard
    const part = isObject(call['function']) ? call['function'] : {}
    const known = calls[index]
    if (known) known.arguments = textIn(known.arguments) + textIn(part['arguments'])
    else if (index === calls.length) calls.push({ name: part['name'], arguments: textIn(part['arguments']) })
    else throw new Error(`tool call ${index} before ${calls.length}`)
  }
}

/** Holds the stream to its grammar: blocks one after the other, numbered without gaps, each ended. */
class MessageListener {
  readonly #heard: Heard
  #index = -1
  #isOpen = false

  constructor(heard: Heard) {
    this.#heard = heard
  }

  hear(event: JsonObject): void {
    const heard = this.#heard
    if (event['type'] === 'message') for (const block of objects(event['content'])) this.#block(block)
    if (event['type'] === 'content_block_start') this.#start(event)
    if (event['type'] === 'content_block_delta' && isObject(event['delta'])) this.#piece(event['delta'])
    if (event['type'] === 'content_block_stop') this.#isOpen = false
    if (event['type'] === 'message_delta' && this.#isOpen) throw new Error('a block was not ended')
    const said = isObject(event['delta']) ? event['delta'] : event
    heard.finish = textIn(said['stop_reason']) || heard.finish
    if (isObject(event['usage'])) {
      heard.input = Number(event['usage']['input_tokens'])
      heard.output = Number(event['usage']['output_tokens'])
    }
  }

  #start(event: JsonObject): void {
    if (this.#isOpen || event['index'] !== this.#index + 1)
      throw new Error(`block ${event['index']} is out of order`)
    this.#index += 1
    this.#isOpen = true
    if (isObject(event['content_block'])) this.#block(event['content_block'])
  }

  #block(block: JsonObject): void {
    const heard = this.#heard
    heard.text += textIn(block['text'])
    heard.thinking += textIn(block['thinking'])
    if (block['type'] !== 'tool_use') return
    const isWhole = isObject(block['input']) && Object.keys(block['input']).length > 0
    heard.calls.push({ name: block['name'], arguments: isWhole ? block['input'] : '' })
  }

  #piece(delta: JsonObject): void {
    const heard = this.#heard
    heard.text += textIn(delta['text'])
    heard.thinking += textIn(delta['thinking'])
    const call = heard.calls.at(-1)
    if (call && delta['type'] === 'input_json_delta')
      call.arguments = textIn(call.arguments) + textIn(delta['partial_json'])
  }
}
