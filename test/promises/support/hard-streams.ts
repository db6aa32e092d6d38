import fc from 'fast-check'
import { type Fields, fields, isFields, parseJson } from '../../rig/json.ts'
import type { Performance, Piece } from '../../rig/scene/performance.ts'
import { createSeal } from '../../rig/seal.ts'
import { chatCompletions } from '../../rig/wire/chat-completions/dialect.ts'
import type { Stage, WireDialect } from '../../rig/wire/dialect.ts'
import { generateContent } from '../../rig/wire/generate-content/dialect.ts'
import { messages } from '../../rig/wire/messages/dialect.ts'
import type { upstreams } from './stage.ts'

/** What is hard to keep whole: many bytes a character, many characters a sign, and text that looks like framing. */
const hard = fc.constantFrom(
  '北京的',
  '👩‍👩‍👧‍👦',
  '🚀',
  'é',
  'e\u0301\u0323',
  '\ud83d',
  '\ude80',
  'event: data',
  'data: x\n\n',
  '\r\n\r\n: ',
  '{"a":"b"}',
  ' ',
  '\u2028',
  '𝕏',
  '[DONE]',
  '\ufeff',
  '\\u0041',
  '\0',
)
const said = fc
  .array(hard, { minLength: 1, maxLength: 6 })
  .map((parts) => `<${parts.join('')}>`)
  // A lone half beside its other half would be a whole character.
  .map((text) => text.replaceAll('\ud83d\ude80', '\ud83d \ude80'))

/** How the same events may be written. */
export interface Writing {
  lineEnd: '\n' | '\r\n' | '\r'
  byteOrderMark: boolean
  comments: boolean
  /** JSON over several `data:` lines. */
  severalLines: boolean
  /** `event: data`, an id and a retry time, where the dialect has no names of its own. */
  fields: boolean
  space: boolean
  /** A character whose two halves come in two events. */
  halves: boolean
  lastBlankLine: boolean
}

const writings: fc.Arbitrary<Writing> = fc.record({
  lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  byteOrderMark: fc.boolean(),
  comments: fc.boolean(),
  severalLines: fc.boolean(),
  fields: fc.boolean(),
  space: fc.boolean(),
  halves: fc.boolean(),
  lastBlankLine: fc.boolean(),
})

export interface HardAnswer {
  text: string
  thinking: string | undefined
  /** The value of the one argument of a tool call after the text. */
  argument: string | undefined
}

const answers: fc.Arbitrary<HardAnswer> = fc.record({
  text: said,
  thinking: fc.option(said, { nil: undefined }),
  argument: fc.option(hard, { nil: undefined }),
})

export const hardStreams = fc.record({ answer: answers, writing: writings })
export const hardOutputs = fc.record({ answer: answers, carriageReturns: fc.boolean() })

const dialects: Record<(typeof upstreams)[number]['dialect'], WireDialect> = {
  'chat-completions': chatCompletions,
  messages,
  'generate-content': generateContent,
}

function stageFor(vendor: string, model: string): Stage {
  const conversation = {
    model,
    stream: true,
    system: '',
    turns: [],
    tools: [],
    toolChoice: 'auto',
    stop: [],
    candidates: 1,
    thinking: true,
    includeUsage: true,
  }
  const request = {
    vendor,
    model,
    stream: true,
    path: '/',
    query: new URLSearchParams('alt=sse'),
    header: () => undefined,
    body: {},
    seal: createSeal('hard streams'),
  }
  return { request, conversation, serial: 1 }
}

function performanceOf({ text, thinking, argument }: HardAnswer): Performance {
  const pieces: Piece[] = [
    ...(thinking === undefined ? [] : [{ type: 'thinking', text: thinking } as const]),
    { type: 'text', text },
    ...(argument === undefined
      ? []
      : [{ type: 'call', name: 'look_up', arguments: { q: argument } } as const]),
  ]
  const bill = { input: 10, cacheRead: 0, cacheWrite: 0, output: 20, reasoning: 0 }
  return { takes: [{ pieces, finish: argument === undefined ? 'stop' : 'tools' }], bill }
}

/** The bytes of a vendor's stream, as the rig plays it and `writing` writes it. */
export function bytesOfStream(
  upstream: (typeof upstreams)[number],
  answer: HardAnswer,
  writing: Writing,
): Uint8Array {
  const { provider, model, dialect } = upstream
  const played = dialects[dialect].stream(performanceOf(answer), stageFor(provider, model))
  const events = played.flatMap(({ text }) => (writing.halves ? halved(text) : [text]))
  const written = events.map((event) => rewritten(event, writing, dialect === 'messages')).join('')
  const whole = writing.lastBlankLine ? written : written.trimEnd()
  return Buffer.from((writing.byteOrderMark ? '\ufeff' : '') + whole.replaceAll('\n', writing.lineEnd))
}

const ROCKET = '🚀'

/** One event with a rocket becomes two with half a rocket each; the JSON of a half is an escape. */
function halved(event: string): string[] {
  const [head = '', data = ''] = event.split('data: ')
  const json = parseJson(data)
  if (!isFields(json) || !data.includes(ROCKET) || data.includes('thoughtSignature')) return [event]
  const at = (text: string): number => text.indexOf(ROCKET) + 1
  const cut = (part: (text: string) => string): string =>
    `${head}data: ${JSON.stringify(mapped(json, part))}\n\n`
  return [cut((text) => text.slice(0, at(text))), cut((text) => text.slice(at(text)))]
}

function mapped(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return value.includes(ROCKET) ? change(value) : value
  if (Array.isArray(value)) return value.map((item) => mapped(item, change))
  if (!isFields(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapped(item, change)]))
}

function rewritten(event: string, writing: Writing, hasNames: boolean): string {
  const lines = event.trimEnd().split('\n')
  const changed = lines.flatMap((line) => (line.startsWith('data: ') ? dataLines(line, writing) : [line]))
  if (writing.fields) changed.unshift('id: 1', 'retry: 10', ...(hasNames ? [] : ['event: data']))
  if (writing.comments) changed.splice(1, 0, ': data: between')
  const spaced = writing.space ? changed : changed.map((line) => line.replace(/^(data|event): /, '$1:'))
  return `${writing.comments ? ': keep-alive\n\n' : ''}${spaced.join('\n')}\n\n`
}

function dataLines(line: string, { severalLines }: Writing): string[] {
  const json = severalLines ? parseJson(line.slice('data: '.length)) : undefined
  if (!isFields(json)) return [line]
  return JSON.stringify(json, undefined, 1)
    .split('\n')
    .map((part) => `data: ${part}`)
}

/** What a child prints: bare text, or one JSON object a line, with each code unit of the text in one of its own. */
export function printedBy(kind: 'text' | 'jsonl', answer: HardAnswer, carriageReturns: boolean): Uint8Array {
  if (kind === 'text') return Buffer.from(printable(answer.text))
  const lines: Fields[] = [
    ...(answer.thinking === undefined ? [] : [{ thinking: answer.thinking }]),
    ...answer.text.split('').map((text) => ({ text })),
    fields({ finish: 'stop', usage: { input_tokens: 1, output_tokens: 2 } }),
  ]
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}${carriageReturns ? '\r' : ''}\n`).join(''))
}

/** Half a character has no bytes. */
export function printable(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '?')
}
