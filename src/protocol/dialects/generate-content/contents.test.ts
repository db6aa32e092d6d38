import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { MAKER, olderModel, targetWith, wireFaults } from '../../../../test/support/generate-content.ts'
import type { Block, MediaBlock, ToolCallBlock, ToolResultBlock } from '../../model/block.ts'
import type { Capabilities } from '../../model/capabilities.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Message } from '../../model/request.ts'
import { encodeRequest } from './request.ts'

const text = (value: string): Block => ({ type: 'text', text: value })
const user = (...content: Block[]): Message => ({ role: 'user', content })
const assistant = (...content: Block[]): Message => ({ role: 'assistant', content })
const system = (value: string): Message => ({ role: 'system', content: [text(value)] })
const call = (id: string, name = 'f', args = '{}'): ToolCallBlock => ({
  type: 'tool-call',
  id,
  name,
  kind: 'function',
  arguments: args,
})
const result = (callId: string, value = 'ok'): ToolResultBlock => ({
  type: 'tool-result',
  callId,
  content: [text(value)],
})
const signature = (value: string, maker: string | undefined = MAKER) => ({
  dialect: 'generate-content' as const,
  kind: 'thought-signature' as const,
  value,
  ...(maker === undefined ? {} : { maker }),
})
const SENTINEL = 'skip_thought_signature_validator'

function encode(messages: Message[], capabilities: Partial<Capabilities> = {}) {
  const { body, dropped } = encodeRequest({ model: 'm', stream: false, messages }, targetWith(capabilities))
  expect(wireFaults(body)).toEqual([])
  return { body, contents: body['contents'] as unknown, dropped }
}

const response = (id: string, value: JsonObject = { output: 'ok' }, name = 'f') => ({
  functionResponse: { id, name, response: value },
})

interface Row {
  what: string
  messages: Message[]
  contents: unknown
  losses?: string[]
  capabilities?: Partial<Capabilities>
}

const rows: Row[] = [
  {
    what: 'roles, and turns of one role joined with their parts apart',
    messages: [user(text('a')), user(text('b')), assistant(text('c')), user(text('d'))],
    contents: [
      { role: 'user', parts: [{ text: 'a' }, { text: 'b' }] },
      { role: 'model', parts: [{ text: 'c' }] },
      { role: 'user', parts: [{ text: 'd' }] },
    ],
  },
  {
    what: 'empty texts and turns are left out',
    messages: [user(text('a')), assistant(text('')), user(text(''), text('b'))],
    contents: [{ role: 'user', parts: [{ text: 'a' }, { text: 'b' }] }],
  },
  {
    what: 'a system message between turns rides in the next user turn',
    messages: [user(text('a')), assistant(text('b')), system('be brief'), user(text('c'))],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      { role: 'model', parts: [{ text: 'b' }] },
      { role: 'user', parts: [{ text: '<system-reminder>\nbe brief\n</system-reminder>' }, { text: 'c' }] },
    ],
    losses: ['approximated messages[2].content[0]'],
  },
  {
    what: 'without a user turn there is a minimal one',
    messages: [system('only this')],
    contents: [{ role: 'user', parts: [{ text: 'Continue.' }] }],
    losses: ['approximated messages'],
  },
  {
    what: 'a conversation that begins and ends with the assistant is framed',
    messages: [assistant(text('hi'))],
    contents: [
      { role: 'user', parts: [{ text: 'Continue.' }] },
      { role: 'model', parts: [{ text: 'hi' }] },
      { role: 'user', parts: [{ text: 'Continue.' }] },
    ],
    losses: ['approximated messages', 'approximated messages'],
  },
  {
    what: 'for models without system instructions: before the first user text',
    messages: [system('s'), user(text('a'))],
    capabilities: { systemRole: 'first-user' },
    contents: [{ role: 'user', parts: [{ text: 's\n\n' }, { text: 'a' }] }],
    losses: ['approximated messages[0]'],
  },
  {
    what: 'responses in the order of the calls, first in their content, other parts after',
    messages: [
      user(text('a')),
      assistant(call('1'), call('2', 'g')),
      user(text('and'), result('2')),
      user(result('1')),
    ],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      {
        role: 'model',
        parts: [
          { functionCall: { id: '1', name: 'f', args: {} }, thoughtSignature: SENTINEL },
          { functionCall: { id: '2', name: 'g', args: {} } },
        ],
      },
      { role: 'user', parts: [response('1'), response('2', { output: 'ok' }, 'g'), { text: 'and' }] },
    ],
  },
  {
    what: 'a missing result is an error, the last of two counts, an orphan is told',
    messages: [
      user(text('a')),
      assistant(call('1'), call('2')),
      user(result('1', 'old'), result('1', 'new'), result('9', 'late')),
    ],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      {
        role: 'model',
        parts: [
          { functionCall: { id: '1', name: 'f', args: {} }, thoughtSignature: SENTINEL },
          { functionCall: { id: '2', name: 'f', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          response('1', { output: 'new' }),
          response('2', { error: 'no result was given for this call' }),
          { text: 'Result of tool 9: {"output":"late"}' },
        ],
      },
    ],
    losses: [
      'dropped messages[2].content[0]',
      'approximated messages[1].content[1]',
      'approximated messages[2].content[2]',
    ],
  },
  {
    what: 'calls at the very end are answered',
    messages: [user(text('a')), assistant(call('1'))],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      {
        role: 'model',
        parts: [{ functionCall: { id: '1', name: 'f', args: {} }, thoughtSignature: SENTINEL }],
      },
      { role: 'user', parts: [response('1', { error: 'no result was given for this call' })] },
    ],
    losses: ['approximated messages[1].content[0]'],
  },
  {
    what: 'two calls with one id are answered one by one',
    messages: [user(text('a')), assistant(call('1'), call('1')), user(result('1', 'x'), result('1', 'y'))],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      {
        role: 'model',
        parts: [
          { functionCall: { id: '1', name: 'f', args: {} }, thoughtSignature: SENTINEL },
          { functionCall: { id: '1', name: 'f', args: {} } },
        ],
      },
      { role: 'user', parts: [response('1', { output: 'x' }), response('1', { output: 'y' })] },
    ],
  },
  {
    what: 'older models: no ids, no sentinel',
    messages: [user(text('a')), assistant(call('1')), user(result('1'))],
    capabilities: olderModel,
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      { role: 'model', parts: [{ functionCall: { name: 'f', args: {} } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'f', response: { output: 'ok' } } }] },
    ],
  },
  {
    what: 'ids we made are left out',
    messages: [user(text('a')), assistant({ ...call('1'), idMade: true }), user(result('1'))],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      { role: 'model', parts: [{ functionCall: { name: 'f', args: {} }, thoughtSignature: SENTINEL }] },
      { role: 'user', parts: [{ functionResponse: { name: 'f', response: { output: 'ok' } } }] },
    ],
  },
  {
    what: 'signatures stay on their parts; empty text with one is kept',
    messages: [
      user(text('a')),
      assistant(
        { type: 'text', text: 'b', signature: signature('S1') },
        { ...call('1'), signature: signature('S2') },
        { type: 'text', text: '', signature: signature('S3', undefined) },
      ),
      user(result('1')),
    ],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      {
        role: 'model',
        parts: [
          { text: 'b', thoughtSignature: 'S1' },
          { functionCall: { id: '1', name: 'f', args: {} }, thoughtSignature: 'S2' },
          { text: '', thoughtSignature: 'S3' },
        ],
      },
      { role: 'user', parts: [response('1')] },
    ],
  },
  {
    what: 'foreign signatures stay behind, the sentinel stands in',
    messages: [
      user(text('a')),
      assistant(
        { type: 'thinking', text: 'hm', opaque: [{ dialect: 'messages', kind: 'signature', value: 'X' }] },
        { type: 'thinking', text: 'plain' },
        { ...call('1'), signature: signature('S', 'vertex/other') },
      ),
      user(result('1')),
    ],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      {
        role: 'model',
        parts: [{ functionCall: { id: '1', name: 'f', args: {} }, thoughtSignature: SENTINEL }],
      },
      { role: 'user', parts: [response('1')] },
    ],
    losses: ['dropped messages[1].content[0].opaque[0]'],
  },
  {
    what: 'own thinking goes back as a thought',
    messages: [
      user(text('a')),
      assistant({ type: 'thinking', text: 'hm', opaque: [signature('S')] }, text('b')),
      user(text('c')),
    ],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      { role: 'model', parts: [{ text: 'hm', thought: true, thoughtSignature: 'S' }, { text: 'b' }] },
      { role: 'user', parts: [{ text: 'c' }] },
    ],
  },
  {
    what: 'a signature that came back on the thinking returns to the first call',
    messages: [
      user(text('a')),
      assistant({ type: 'thinking', text: '', opaque: [signature('S')] }, call('1'), call('2')),
      user(result('1'), result('2')),
    ],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      {
        role: 'model',
        parts: [
          { functionCall: { id: '1', name: 'f', args: {} }, thoughtSignature: 'S' },
          { functionCall: { id: '2', name: 'f', args: {} } },
        ],
      },
      { role: 'user', parts: [response('1'), response('2')] },
    ],
  },
  {
    what: 'arguments in a fence are read',
    messages: [user(text('a')), assistant(call('1', 'f', '```json\n{"x":1,}\n```')), user(result('1'))],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      {
        role: 'model',
        parts: [{ functionCall: { id: '1', name: 'f', args: { x: 1 } }, thoughtSignature: SENTINEL }],
      },
      { role: 'user', parts: [response('1', { output: 'ok' })] },
    ],
  },
  {
    what: 'free-text calls, broken arguments, sanitised names',
    messages: [
      user(text('a')),
      assistant({ ...call('1', 'patch', '*** Begin'), kind: 'custom' }, call('2', 'a b', '{"x":')),
      user(result('1'), result('2')),
    ],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      {
        role: 'model',
        parts: [
          {
            functionCall: { id: '1', name: 'patch', args: { input: '*** Begin' } },
            thoughtSignature: SENTINEL,
          },
          { functionCall: { id: '2', name: 'a_b_NwZy6Xoc', args: { _raw_arguments: '{"x":' } } },
        ],
      },
      {
        role: 'user',
        parts: [response('1', { output: 'ok' }, 'patch'), response('2', { output: 'ok' }, 'a_b_NwZy6Xoc')],
      },
    ],
    losses: ['approximated messages[1].content[1].arguments'],
  },
  {
    what: 'unknown content of this wire returns as it came',
    messages: [
      user(text('a')),
      assistant({
        type: 'unknown',
        dialect: 'generate-content',
        wire: { executableCode: { language: 'PYTHON', code: '1' } },
      }),
      user(text('b')),
    ],
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      { role: 'model', parts: [{ executableCode: { language: 'PYTHON', code: '1' } }] },
      { role: 'user', parts: [{ text: 'b' }] },
    ],
  },
]

describe('contents (protocol.md §2.2, §2.3, §2.8.4)', () => {
  for (const { what, messages, contents, losses = [], capabilities } of rows)
    test(what, () => {
      const found = encode(messages, capabilities)
      expect(found.contents).toEqual(contents)
      expect(found.dropped.map(({ how, path }) => `${how} ${path}`)).toEqual(losses)
    })

  test('leading system messages are instructions, one part a text', () => {
    const { body } = encode([system('a'), system('b'), user(text('c'))])
    expect(body['systemInstruction']).toEqual({ parts: [{ text: 'a' }, { text: 'b' }] })
  })

  test('foreign content of the user is refused, of the assistant reported', () => {
    const unknown: Block = { type: 'unknown', dialect: 'messages', wire: { type: 'container_upload' } }
    const { dropped } = encode([user(text('a'), unknown), assistant(unknown, text('b')), user(text('c'))])
    expect(dropped.map(({ path, essential }) => [path, essential ?? false])).toEqual([
      ['messages[0].content[1]', true],
      ['messages[1].content[0]', false],
    ])
  })
})

describe('tool results (protocol.md §1.4)', () => {
  const image: MediaBlock = {
    type: 'media',
    kind: 'image',
    source: { type: 'base64', mediaType: 'image/png', data: 'AAAA' },
  }
  const answers = (content: Block[], isError = false, capabilities: Partial<Capabilities> = {}) => {
    const { contents } = encode(
      [user(text('a')), assistant(call('1')), user({ type: 'tool-result', callId: '1', content, isError })],
      capabilities,
    )
    return (contents as { parts: JsonObject[] }[])[2]?.parts
  }
  const responses: { what: string; content: Block[]; isError?: boolean; value: JsonObject }[] = [
    { what: 'an object as it is', content: [text('{"a":1}')], value: { a: 1 } },
    { what: 'text under output', content: [text('sunny')], value: { output: 'sunny' } },
    { what: 'a list under output', content: [text('[1,2]')], value: { output: [1, 2] } },
    {
      what: 'several texts as lines',
      content: [text('{"a":1}'), text('b')],
      value: { output: '{"a":1}\nb' },
    },
    { what: 'nothing', content: [], value: { output: '' } },
    { what: 'an error', content: [text('boom')], isError: true, value: { error: 'boom' } },
    {
      what: 'an object with $ref anywhere as text',
      content: [text('{"a":[{"$ref":"#"}]}')],
      value: { output: '{"a":[{"$ref":"#"}]}' },
    },
    {
      what: 'numbers no double can hold as text',
      content: [text('{"id":12345678901234567890}')],
      value: { output: '{"id":12345678901234567890}' },
    },
    {
      what: 'content of another wire as JSON text',
      content: [{ type: 'unknown', dialect: 'messages', wire: { type: 'search_result', title: 't' } }],
      value: { type: 'search_result', title: 't' },
    },
  ]
  for (const { what, content, isError, value } of responses)
    test(what, () => expect(answers(content, isError)).toEqual([response('1', value)]))

  test('images inside the response where the model takes them', () => {
    expect(answers([text('see'), image])).toEqual([
      {
        functionResponse: {
          id: '1',
          name: 'f',
          response: { output: 'see' },
          parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA' } }],
        },
      },
    ])
  })

  test('images after the response where it does not', () => {
    expect(answers([image], false, { toolResultMedia: false })).toEqual([
      response('1', { output: 'The content follows after this response.' }),
      { text: '(image returned by tool f call 1)' },
      { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
    ])
  })
})

describe('media (protocol.md §2.4)', () => {
  const media = (
    kind: MediaBlock['kind'],
    source: MediaBlock['source'],
    more: Partial<MediaBlock> = {},
  ): MediaBlock => ({ type: 'media', kind, source, ...more })
  const parts: { what: string; block: MediaBlock; part: JsonObject; capabilities?: Partial<Capabilities> }[] =
    [
      {
        what: 'base64, its type repaired',
        block: media('image', { type: 'base64', mediaType: 'image/jpg', data: 'AA AA' }),
        part: { inlineData: { mimeType: 'image/jpeg', data: 'AAAA' } },
      },
      {
        what: 'a data URL',
        block: media('document', { type: 'url', url: 'data:application/pdf;base64,JVBERi0=' }),
        part: { inlineData: { mimeType: 'application/pdf', data: 'JVBERi0=' } },
      },
      {
        what: 'a bucket, for every model',
        block: media(
          'video',
          { type: 'url', url: 'gs://b/v.webm' },
          { video: { start: '1s', end: '2s', fps: 5 } },
        ),
        part: {
          fileData: { mimeType: 'video/webm', fileUri: 'gs://b/v.webm' },
          videoMetadata: { startOffset: '1s', endOffset: '2s', fps: 5 },
        },
        capabilities: olderModel,
      },
      {
        what: 'a public URL where the model fetches it',
        block: media('image', { type: 'url', url: 'https://a.example/x.webp?v=1' }, { detail: 'high' }),
        part: {
          fileData: { mimeType: 'image/webp', fileUri: 'https://a.example/x.webp?v=1' },
          mediaResolution: { level: 'MEDIA_RESOLUTION_HIGH' },
        },
      },
      {
        what: 'a plain text',
        block: media('document', { type: 'text', mediaType: 'text/plain', text: 'hi' }),
        part: { text: 'hi' },
      },
      {
        what: 'an own file',
        block: media('image', {
          type: 'file',
          id: 'https://generativelanguage.googleapis.com/v1beta/files/x',
          dialect: 'generate-content',
          mediaType: 'image/png',
        }),
        part: {
          fileData: {
            mimeType: 'image/png',
            fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/x',
          },
        },
      },
    ]
  for (const { what, block, part, capabilities } of parts)
    test(what, () => {
      const { contents, dropped } = encode([user(block)], capabilities)
      expect(contents).toEqual([{ role: 'user', parts: [part] }])
      expect(dropped).toEqual([])
    })

  const refused: { what: string; block: MediaBlock; capabilities?: Partial<Capabilities>; why: RegExp }[] = [
    {
      what: 'a public URL the model does not fetch',
      block: media('image', { type: 'url', url: 'https://a.example/x.png' }),
      capabilities: { imageUrl: false },
      why: /does not fetch image URLs: send the content inline/,
    },
    {
      what: 'a file of another store',
      block: media('image', { type: 'file', id: 'file-1', dialect: 'responses' }),
      why: /another provider/,
    },
    {
      what: 'a kind the model cannot take',
      block: media('audio', { type: 'base64', mediaType: 'audio/wav', data: 'AAAA' }),
      capabilities: { audio: false },
      why: /no audio input/,
    },
    {
      what: 'what is not base64',
      block: media('image', { type: 'base64', mediaType: 'image/png', data: '!' }),
      why: /not base64/,
    },
  ]
  for (const { what, block, capabilities, why } of refused)
    test(`${what} is refused`, () => {
      const { dropped } = encode([user(text('a'), block)], capabilities)
      expect(dropped).toHaveLength(1)
      expect(dropped[0]).toMatchObject({ essential: true, why: expect.stringMatching(why) })
    })

  test('hints the model lacks are reported', () => {
    const block = media(
      'image',
      { type: 'base64', mediaType: 'image/png', data: 'AAAA' },
      { detail: 'low', filename: 'x.png', cache: {} },
    )
    const { dropped } = encode([user(block)], olderModel)
    expect(dropped.map(({ path }) => path)).toEqual([
      'messages[0].content[0].detail',
      'messages[0].content[0].filename',
      'messages[0].content[0].cache',
    ])
  })
})

describe('properties', () => {
  const id = fc.constantFrom('1', '2', '3')
  const own = fc.option(fc.constantFrom(signature('S'), signature('F', 'other/model')), { nil: undefined })
  const block = fc.oneof(
    fc.record({ type: fc.constant('text' as const), text: fc.constantFrom('', 'a'), signature: own }),
    fc.record({
      type: fc.constant('thinking' as const),
      text: fc.constantFrom('', 't'),
      opaque: fc.array(fc.constant(signature('T')), { maxLength: 2 }),
    }),
    fc.record({
      type: fc.constant('tool-call' as const),
      id,
      name: fc.constantFrom('f', '1 g'),
      kind: fc.constantFrom('function' as const, 'server' as const),
      arguments: fc.constantFrom('', '{}', '['),
      signature: own,
    }),
    fc.record({
      type: fc.constant('tool-result' as const),
      callId: id,
      content: fc.constantFrom([], [text('r')]),
    }),
  )
  const role = fc.constantFrom('user' as const, 'assistant' as const, 'system' as const)
  /** Calls stand in assistant messages, results in user messages: what decoders make. */
  const fits = (message: Message): Message => ({
    ...message,
    content: message.content.filter(({ type }) =>
      type === 'text'
        ? true
        : message.role === 'assistant'
          ? type !== 'tool-result'
          : message.role === 'user' && type === 'tool-result',
    ),
  })
  const conversation = fc.array(
    fc.record({ role, content: fc.array(block as fc.Arbitrary<Block>, { maxLength: 4 }) }),
    { maxLength: 7 },
  )

  test('any conversation becomes one the wire takes, on any model', () => {
    const models = fc.constantFrom<Partial<Capabilities>>(
      {},
      olderModel,
      { prefill: true },
      { systemRole: 'first-user' },
    )
    fc.assert(
      fc.property(conversation, models, (messages, capabilities) => {
        const { body } = encodeRequest(
          { model: 'm', stream: true, messages: messages.map(fits) },
          targetWith({ ...capabilities, prefill: false }),
        )
        expect(wireFaults(JSON.parse(JSON.stringify(body)))).toEqual([])
      }),
      { seed: 5, numRuns: 1500 },
    )
  })

  test('the request is not changed, and the same request gives the same body', () => {
    fc.assert(
      fc.property(conversation, (messages) => {
        const request = { model: 'm', stream: true, messages: messages.map(fits) }
        const before = JSON.stringify(request)
        const first = JSON.stringify(encodeRequest(request, targetWith()))
        expect(JSON.stringify(request)).toBe(before)
        expect(JSON.stringify(encodeRequest(request, targetWith()))).toBe(first)
      }),
      { seed: 6, numRuns: 300 },
    )
  })

  test('no foreign signature is ever sent', () => {
    fc.assert(
      fc.property(conversation, (messages) => {
        const { body } = encodeRequest(
          { model: 'm', stream: true, messages: messages.map(fits) },
          targetWith(),
        )
        expect(JSON.stringify(body)).not.toContain('"F"')
      }),
      { seed: 4, numRuns: 300 },
    )
  })
})
