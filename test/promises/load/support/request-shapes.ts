import { size } from '../../support/figure.ts'

/** The members of a request beside `model`, for a client of chat completions or of messages. */
type Members = (isMessages: boolean) => Record<string, unknown>

/** A request as somebody may send it who means no good, or does not know better. */
export interface Shape {
  name: string
  /** The whole body; `model` is where it is to go. */
  body(model: string, isMessages: boolean): Buffer
}

const MB = 1_000_000
/** Just below what the gateway takes; every day a part of it. */
const LARGE = size(8, 30)
const repeat = (count: number, item: (index: number) => unknown): unknown[] =>
  Array.from({ length: count }, (_, index) => item(index))
const named = (count: number, value: (index: number) => unknown): Record<string, unknown> =>
  Object.fromEntries(repeat(count, (index) => [`k${index}`, value(index)]) as [string, unknown][])

const turn = (index: number, content: unknown): unknown => ({
  role: index % 2 === 0 ? 'user' : 'assistant',
  content,
})
const one =
  (content: unknown): Members =>
  () => ({ messages: [{ role: 'user', content }] })
const turns =
  (count: number, text: string): Members =>
  () => ({
    messages: repeat(count, (index) => turn(index, text)),
  })
const tools =
  (count: number, schema: () => unknown): Members =>
  (isMessages) => ({
    messages: [{ role: 'user', content: 'hi' }],
    tools: repeat(count, (index) =>
      isMessages
        ? { name: `t${index}`, description: 'd', input_schema: schema() }
        : { type: 'function', function: { name: `t${index}`, description: 'd', parameters: schema() } },
    ),
  })
const object = (properties: Record<string, unknown>): unknown => ({ type: 'object', properties })
const image = (base64: string, isMessages: boolean): unknown =>
  isMessages
    ? { type: 'image', source: { type: 'base64', media_type: 'image/png', data: base64 } }
    : { type: 'image_url', image_url: { url: `data:image/png;base64,${base64}` } }
const images =
  (count: number, length: number): Members =>
  (isMessages) => ({
    messages: [{ role: 'user', content: repeat(count, () => image('QUJD'.repeat(length / 4), isMessages)) }],
  })
const calls =
  (count: number, text: string): Members =>
  (isMessages) => ({
    messages: [
      { role: 'user', content: 'hi' },
      ...repeat(count, (index) =>
        isMessages
          ? [
              {
                role: 'assistant',
                content: [{ type: 'tool_use', id: `c${index}`, name: 't', input: { a: text } }],
              },
              { role: 'user', content: [{ type: 'tool_result', tool_use_id: `c${index}`, content: text }] },
            ]
          : [
              {
                role: 'assistant',
                content: null,
                tool_calls: [
                  {
                    id: `c${index}`,
                    type: 'function',
                    function: { name: 't', arguments: JSON.stringify({ a: text }) },
                  },
                ],
              },
              { role: 'tool', tool_call_id: `c${index}`, content: text },
            ],
      ).flat(),
      { role: 'user', content: 'go on' },
    ],
  })
const nested = (depth: number): unknown => {
  let value: unknown = 'x'
  for (let level = 0; level < depth; level += 1) value = { a: value }
  return value
}

const members: Readonly<Record<string, Members>> = {
  'the smallest': one('hi'),
  'a kilobyte': one('word '.repeat(200)),
  'a hundred kilobytes': one('word '.repeat(20_000)),
  'a megabyte of text': one('word '.repeat(MB / 5)),
  'a third of text': one('word '.repeat((LARGE * MB) / 15)),
  'all of text': one('word '.repeat((LARGE * MB) / 5)),
  'ten thousand messages': turns(9_999, 'hello'),
  'twenty thousand messages': turns(19_999, 'hello'),
  'ten thousand messages of a kilobyte': turns(9_999, 'hello '.repeat(170)),
  'all of Chinese': one('你好世界'.repeat((LARGE * MB) / 12)),
  'all of line ends': one('\n'.repeat((LARGE * MB) / 2)),
  'all of control characters': one('\u0001'.repeat((LARGE * MB) / 6)),
  'all of quotation marks': one('"'.repeat((LARGE * MB) / 2)),
  'all of backslashes': one('\\'.repeat((LARGE * MB) / 2)),
  'all of one picture': images(1, LARGE * MB),
  'two thousand pictures of ten kilobytes': images(2_000, 10_000),
  'twenty thousand parts': one(repeat(19_999, () => ({ type: 'text', text: 'hello' }))),
  'a thousand tools of ten kilobytes': tools(1_000, () =>
    object(named(60, () => ({ type: 'string', description: 'x'.repeat(120) }))),
  ),
  'ten thousand small tools': tools(9_999, () => object({})),
  'a tool with four hundred thousand numbers': tools(1, () =>
    object(named(19, () => ({ enum: repeat(19_999, (index) => index) }))),
  ),
  'a tool with sixty thousand objects': tools(1, () =>
    object(named(6, () => object(named(9_900, () => ({ type: 'string' }))))),
  ),
  'a tool with a hundred and thirty thousand objects': tools(1, () =>
    object(named(13, () => object(named(9_900, () => ({ type: 'string' }))))),
  ),
  'a tool as deep as may be': tools(1, () => nested(50)),
  'a tool that refers to itself': tools(1, () => ({
    $defs: { a: { properties: named(5_000, () => ({ $ref: '#/$defs/a' })) } },
    $ref: '#/$defs/a',
  })),
  'five thousand calls of tools': calls(4_900, 'x'.repeat(100)),
  'two thousand results of ten kilobytes': calls(1_900, 'line\n'.repeat(1_000)),
  'calls of tools whose arguments are escapes': calls(100, '"'.repeat(20_000)),
  'ten thousand unknown members': (isMessages) => ({
    ...one('hi')(isMessages),
    ...named(9_900, (index) => index),
  }),
  'unknown members as deep as may be': (isMessages) => ({ ...one('hi')(isMessages), x: nested(55) }),
  'a name of a megabyte': (isMessages) => ({ ...one('hi')(isMessages), user: 'u'.repeat(MB) }),
  'a third of instructions': (isMessages) =>
    isMessages
      ? { system: 'word '.repeat((LARGE * MB) / 15), messages: [{ role: 'user', content: 'hi' }] }
      : {
          messages: [
            { role: 'system', content: 'word '.repeat((LARGE * MB) / 15) },
            { role: 'user', content: 'hi' },
          ],
        },
  'a number of a million digits': (isMessages) => ({ ...one('hi')(isMessages), seed: `1${'0'.repeat(MB)}` }),
}

const text = (model: string, isMessages: boolean, more: Members): string =>
  JSON.stringify({ model, max_tokens: 100, ...more(isMessages) })

/** What is no request at all, or breaks off late. */
const broken: Readonly<Record<string, (whole: string) => string | Buffer>> = {
  'all of text that breaks off': (whole) => whole.slice(0, -2),
  'all of text with one wrong byte at the end': (whole) => {
    const bytes = Buffer.from(whole)
    bytes[bytes.length - 8] = 0xff
    return bytes
  },
  'all of blanks': (whole) => `${whole.slice(0, 1)}${' '.repeat(LARGE * MB)}}`,
  'one level too deep': () => '['.repeat(1_000_000),
  'one member too many': () => `{${repeat(300_000, (index) => `"k${index}":1`).join(',')}}`,
  'the same member ten thousand times': (whole) => `{${'"model":"x",'.repeat(9_990)}${whole.slice(1, 60)}`,
  'all of a string without an end': () => `{"a":"${'x'.repeat(LARGE * MB)}`,
  'all of commas': () => `[${','.repeat(LARGE * MB)}`,
}

export const shapes: readonly Shape[] = [
  ...Object.entries(members).map(([name, more]) => ({
    name,
    body: (model: string, isMessages: boolean) => Buffer.from(text(model, isMessages, more)),
  })),
  ...Object.entries(broken).map(([name, breaks]) => ({
    name,
    body: (model: string, isMessages: boolean) =>
      Buffer.from(breaks(text(model, isMessages, one('word '.repeat((LARGE * MB) / 5)))) as string),
  })),
]
