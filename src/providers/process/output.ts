import { GatewayError } from '../../protocol/model/error.ts'
import type { AnswerEvent } from '../../protocol/model/event.ts'
import type { Finish } from '../../protocol/model/finish.ts'
import { isObject, type JsonObject, parseJson } from '../../protocol/model/json.ts'
import type { Machine } from '../../protocol/model/machine.ts'
import type { Usage } from '../../protocol/model/usage.ts'
import { estimateTextTokens } from '../estimate.ts'

/** Turns what a child prints into events: blocks only; the caller adds the start and the end. */
export interface OutputReader extends Machine<string, AnswerEvent> {
  readonly finish: Finish
  /** Usage as the child reported it; undefined members are for us to estimate. */
  readonly reported: Usage | undefined
  /** Tokens in what was printed so far, estimated. */
  readonly estimatedTokens: number
}

type Kind = 'text' | 'thinking'

/** Keeps one block open at a time and numbers them. */
class Blocks {
  estimatedTokens = 0
  #open: Kind | undefined
  #index = -1

  append(kind: Kind, text: string): AnswerEvent[] {
    if (text === '') return []
    this.estimatedTokens += estimateTextTokens(text)
    const events: AnswerEvent[] = []
    if (this.#open !== kind) {
      events.push(...this.close())
      this.#open = kind
      this.#index += 1
      events.push({ type: 'block-start', index: this.#index, block: { type: kind, text: '' } })
    }
    events.push({ type: 'block-delta', index: this.#index, delta: { type: 'text', text } })
    return events
  }

  close(): AnswerEvent[] {
    if (this.#open === undefined) return []
    this.#open = undefined
    return [{ type: 'block-end', index: this.#index }]
  }
}

/** `output = "text"`: all that is printed is the answer. */
export class TextOutput implements OutputReader {
  readonly finish: Finish = { reason: 'stop' }
  readonly reported = undefined
  readonly #blocks = new Blocks()

  get estimatedTokens(): number {
    return this.#blocks.estimatedTokens
  }

  push(text: string): AnswerEvent[] {
    return this.#blocks.append('text', text)
  }

  end(): AnswerEvent[] {
    return this.#blocks.close()
  }
}

/** The longest line of `output = "jsonl"`, in UTF-16 code units. */
const longestLine = 4 * 1024 * 1024

/**
 * `output = "jsonl"`: one object a line with any of `{"text"}`, `{"thinking"}`, `{"finish": "stop"|"length"}`,
 * `{"usage": {"input_tokens", "output_tokens"}}`, `{"error": "…"}`. Empty lines are skipped, other members ignored.
 */
export class JsonLinesOutput implements OutputReader {
  finish: Finish = { reason: 'stop' }
  reported: Usage | undefined
  readonly #blocks = new Blocks()
  #rest = ''

  get estimatedTokens(): number {
    return this.#blocks.estimatedTokens
  }

  push(text: string): AnswerEvent[] {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > longestLine) throw broken('a line that is too long')
    return lines.flatMap((line) => this.#line(line))
  }

  end(): AnswerEvent[] {
    return [...this.#line(this.#rest), ...this.#blocks.close()]
  }

  #line(line: string): AnswerEvent[] {
    if (line.trim() === '') return []
    const value = parseJson(line)
    if (!isObject(value)) throw broken('a line that is no JSON object')
    if (typeof value['error'] === 'string') throw new GatewayError('upstream_failed', value['error'])
    this.#note(value)
    return [...this.#text('thinking', value), ...this.#text('text', value)]
  }

  #text(kind: Kind, value: JsonObject): AnswerEvent[] {
    const text = value[kind]
    return typeof text === 'string' ? this.#blocks.append(kind, text) : []
  }

  #note({ finish, usage }: JsonObject): void {
    if (finish === 'length' || finish === 'stop') this.finish = { reason: finish, raw: finish }
    else if (typeof finish === 'string') this.finish = { reason: 'other', raw: finish }
    if (!isObject(usage)) return
    const input = tokens(usage['input_tokens'])
    const output = tokens(usage['output_tokens'])
    this.reported = {
      ...this.reported,
      ...(input === undefined ? {} : { inputTokens: input }),
      ...(output === undefined ? {} : { outputTokens: output }),
    }
  }
}

function tokens(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined
}

function broken(what: string): GatewayError {
  return new GatewayError(
    'upstream_invalid',
    `The local command printed ${what}, but output = "jsonl" is configured`,
  )
}
