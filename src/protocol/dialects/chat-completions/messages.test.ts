import { describe, expect, test } from 'bun:test'
import { targetWith } from '../../../../test/support/chat-completions.ts'
import type { Block, MediaBlock } from '../../model/block.ts'
import type { Capabilities } from '../../model/capabilities.ts'
import { wrapOpaque } from '../../model/envelope.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import type { Opaque } from '../../model/origin.ts'
import type { Message } from '../../model/request.ts'
import type { UpstreamTarget } from '../dialect.ts'
import { decodeRequest, encodeRequest } from './request.ts'

const text = (value: string): Block => ({ type: 'text', text: value })
const user = (...content: Block[]): Message => ({ role: 'user', content })
const call = (id: string, name = 'look'): Block => ({
  type: 'tool-call',
  id,
  name,
  kind: 'function',
  arguments: '{}',
})
const result = (callId: string, ...content: Block[]): Block => ({ type: 'tool-result', callId, content })
const image: MediaBlock = {
  type: 'media',
  kind: 'image',
  source: { type: 'base64', mediaType: 'image/png', data: 'AAAA' },
}

function decoded(...messages: Json[]): Message[] {
  return decodeRequest({ model: 'm', messages }).messages
}

function encoded(
  messages: Message[],
  capabilities: Partial<Capabilities> = {},
  target: Partial<UpstreamTarget> = {},
) {
  const all = { reasoningReplay: 'never', ...capabilities } as const
  const { body, dropped } = encodeRequest({ model: 'm', stream: false, messages }, targetWith(all, target))
  const lost = dropped.map(({ path, how, essential }) => `${essential ? 'refused' : how} ${path}`)
  return { sent: body['messages'] as JsonObject[], lost }
}

describe('parts, both ways', () => {
  const url = 'https://example.com/a'
  const rows: [JsonObject, Block][] = [
    [
      { type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '5m', scope: 'x' } },
      { type: 'text', text: 'a', cache: { ttl: '5m', rest: { scope: 'x' } } },
    ],
    [
      { type: 'image_url', image_url: { url } },
      { type: 'media', kind: 'image', source: { type: 'url', url } },
    ],
    [
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
      { ...image, detail: 'low' },
    ],
    [
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
      { type: 'media', kind: 'audio', source: { type: 'base64', mediaType: 'audio/mpeg', data: 'AAAA' } },
    ],
    [
      { type: 'video_url', video_url: { url } },
      { type: 'media', kind: 'video', source: { type: 'url', url } },
    ],
    [
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' } },
      {
        type: 'media',
        kind: 'document',
        filename: 'a.pdf',
        source: { type: 'base64', mediaType: 'application/pdf', data: 'AAAA' },
      },
    ],
    [
      { type: 'file', file: { file_id: 'file-1' } },
      {
        type: 'media',
        kind: 'document',
        source: { type: 'file', id: 'file-1', dialect: 'chat-completions' },
      },
    ],
    [
      { type: 'hologram', x: 1 },
      { type: 'unknown', dialect: 'chat-completions', wire: { type: 'hologram', x: 1 } },
    ],
  ]
  test.each(rows)('%j', (wire, block) => {
    expect(decoded({ role: 'user', content: [structuredClone(wire), { type: 'text', text: 'b' }] })).toEqual([
      user(block, text('b')),
    ])
    const { sent, lost } = encoded([user(block, text('b'))])
    expect(sent).toEqual([{ role: 'user', content: [wire, { type: 'text', text: 'b' }] }])
    expect(lost).toEqual([])
  })

  test.each([
    ['bare image URL', { type: 'image_url', image_url: url }, 'image'],
    ['older video', { type: 'input_video', input_video: { url } }, 'video'],
    ['document URL', { type: 'document_url', document_url: url }, 'document'],
  ])('%s', (_, wire, kind) => {
    const [message] = decoded({ role: 'user', content: [wire] })
    expect(message?.content).toMatchObject([{ type: 'media', kind, source: { type: 'url', url } }])
  })
})

describe('roles', () => {
  test('developer is system', () => {
    expect(decoded({ role: 'developer', content: 'a' })).toEqual([{ role: 'system', content: [text('a')] }])
    const { sent } = encoded([{ role: 'system', content: [text('a')] }], { systemRole: 'developer' })
    expect(sent).toEqual([{ role: 'developer', content: 'a' }])
  })

  test('an upstream without a system role', () => {
    const messages: Message[] = [{ role: 'system', content: [text('be brief')] }, user(text('hello'))]
    const { sent, lost } = encoded(messages, { systemRole: 'first-user', textParts: false })
    expect(sent).toEqual([{ role: 'user', content: 'be brief\n\nhello' }])
    expect(lost).toEqual(['approximated messages[0]'])
  })

  test('a system message between turns waits until tools have answered', () => {
    const messages: Message[] = [
      { role: 'assistant', content: [call('a'), call('b')] },
      user(result('a', text('1'))),
      { role: 'system', content: [text('now')] },
      user(result('b', text('2'))),
    ]
    const { sent, lost } = encoded(messages, { systemAnywhere: false })
    expect(sent.map((message) => message['role'])).toEqual(['assistant', 'tool', 'tool', 'user'])
    expect(sent.at(-1)?.['content']).toBe('<system-reminder>\nnow\n</system-reminder>')
    expect(lost).toEqual(['approximated messages[2]'])
  })

  test('a trailing assistant message is not continued everywhere', () => {
    const messages: Message[] = [user(text('a')), { role: 'assistant', content: [text('b')] }]
    expect(encoded(messages, { prefill: false }).lost).toEqual(['approximated messages[1]'])
    expect(encoded(messages).lost).toEqual([])
  })
})

const toolCall = (id: string) => ({ id, type: 'function', function: { name: 'look', arguments: '{}' } })

describe('calls and results', () => {
  test('an assistant message with nothing but calls has content null (§2.3)', () => {
    const { sent } = encoded([{ role: 'assistant', content: [call('a')] }])
    expect(sent).toEqual([{ role: 'assistant', content: null, tool_calls: [toolCall('a')] }])
  })

  test('text and calls are both kept', () => {
    const wire = { role: 'assistant', content: 'wait', tool_calls: [toolCall('a'), toolCall('b')] }
    const message: Message = { role: 'assistant', content: [text('wait'), call('a'), call('b')] }
    expect(decoded(structuredClone(wire))).toEqual([message])
    expect(encoded([message]).sent).toEqual([wire])
  })

  test('arguments of any form become JSON text', () => {
    const forms: Json[] = ['{"a":1}', { a: 1 }, '', null]
    const messages = forms.map((value, index) => ({
      role: 'assistant',
      tool_calls: [{ id: `c${index}`, function: { name: 'f', arguments: value } }],
    }))
    const found = decoded(...messages).map(
      ({ content: [block] }) => block?.type === 'tool-call' && block.arguments,
    )
    expect(found).toEqual(['{"a":1}', '{"a":1}', '{}', '{}'])
  })

  test('results without an id are paired in order, by name if there is one', () => {
    const messages = decoded(
      { role: 'assistant', tool_calls: [{ id: '', function: { name: 'f' } }, { function: { name: 'g' } }] },
      { role: 'tool', name: 'g', content: '2' },
      { role: 'tool', content: '1' },
    )
    const [assistant, second, first] = messages.map((message) => message.content)
    const ids = assistant?.map((block) => block.type === 'tool-call' && block.id)
    expect(new Set(ids).size).toBe(2)
    expect(second).toMatchObject([{ type: 'tool-result', callId: ids?.[1] }])
    expect(first).toMatchObject([{ type: 'tool-result', callId: ids?.[0] }])
  })

  test('the deprecated pair', () => {
    const [assistant, answer] = decoded(
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"a":1}' } },
      { role: 'function', name: 'f', content: 'done' },
    )
    expect(assistant?.content).toMatchObject([
      { type: 'tool-call', name: 'f', arguments: '{"a":1}', idMade: true },
    ])
    const [made] = assistant?.content ?? []
    expect(answer?.content).toEqual([
      {
        type: 'tool-result',
        callId: made?.type === 'tool-call' ? made.id : '',
        name: 'f',
        content: [text('done')],
      },
    ])
  })

  test('images of results go into one labelled user message after all results (§2.4)', () => {
    const messages: Message[] = [
      { role: 'assistant', content: [call('a'), call('b')] },
      user(result('a', text('see'), image), result('b', image), text('and now?')),
    ]
    const { sent, lost } = encoded(messages, { toolResultMedia: false })
    const part = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }
    expect(sent.slice(1)).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'see' },
      { role: 'tool', tool_call_id: 'b', content: '(the content follows in the next user message)' },
      { role: 'user', content: [{ type: 'text', text: '(image returned by tool look call a)' }, part] },
      { role: 'user', content: [{ type: 'text', text: '(image returned by tool look call b)' }, part] },
      { role: 'user', content: 'and now?' },
    ])
    expect(lost).toEqual([])
  })

  test('where they may, they stay', () => {
    const { sent } = encoded([user(result('a', image))])
    expect(sent).toMatchObject([{ role: 'tool', content: [{ type: 'image_url' }] }])
  })

  test('an error is told in the text, once', () => {
    const failed = (value: string): Message => user({ ...result('a', text(value)), isError: true } as Block)
    expect(encoded([failed('no disk')]).sent).toMatchObject([{ content: 'Error: no disk' }])
    expect(encoded([failed('Error: no disk')]).sent).toMatchObject([{ content: 'Error: no disk' }])
  })

  test('ids the upstream does not take change alike on call and result', () => {
    const messages: Message[] = [
      { role: 'assistant', content: [call('toolu_01')] },
      user(result('toolu_01', text('x'))),
    ]
    const rule = { callId: { pattern: /^[a-zA-Z0-9]{9}$/, length: 9 } }
    const { sent } = encoded(messages, rule)
    const id = sent[1]?.['tool_call_id']
    expect(id).toMatch(/^[a-zA-Z0-9]{9}$/)
    expect(sent[0]).toMatchObject({ tool_calls: [{ id }] })
    expect(encoded(messages, rule).sent).toEqual(sent)
    const kept = encoded([{ role: 'assistant', content: [call('QFelWvSLu')] }], rule).sent
    expect(kept).toMatchObject([{ tool_calls: [{ id: 'QFelWvSLu' }] }])
  })

  test('calls the provider ran are left out and told', () => {
    const served: Block = { type: 'tool-call', id: 's', name: 'web_search', kind: 'server', arguments: '{}' }
    const { sent, lost } = encoded([{ role: 'assistant', content: [served, text('so')] }])
    expect(sent).toEqual([{ role: 'assistant', content: 'so' }])
    expect(lost).toEqual(['dropped messages[0].content[0]'])
  })
})

describe('thought signatures on calls (protocol.md §2.8.4)', () => {
  const signed = (opaque: Opaque): Message => ({
    role: 'assistant',
    content: [{ ...call('a'), signature: opaque } as Block, call('b')],
  })
  const extra = (value: string) => ({ extra_content: { google: { thought_signature: value } } })
  const native: Opaque = {
    dialect: 'generate-content',
    kind: 'thought-signature',
    value: 'ts',
    maker: 'vendor/upstream-model',
  }

  test('go to an upstream that understands them, and only from its maker', () => {
    const knows = { opaqueDialect: 'generate-content' } as const
    const calls = (message: Message, capabilities: Partial<Capabilities>) =>
      encoded([message], capabilities).sent[0]?.['tool_calls']
    expect(calls(signed(native), knows)).toMatchObject([extra('ts'), {}])
    expect(calls(signed(native), {})).toEqual([toolCall('a'), toolCall('b')])
    expect(calls(signed({ ...native, maker: 'other/model' }), knows)).toEqual([toolCall('a'), toolCall('b')])
  })

  test('a lost one is stood in for where the upstream demands one, on the first call only', () => {
    const { sent } = encoded([{ role: 'assistant', content: [call('a'), call('b')] }], {
      thoughtSignatures: true,
    })
    expect(sent[0]?.['tool_calls']).toEqual([
      { ...toolCall('a'), ...extra('skip_thought_signature_validator') },
      toolCall('b'),
    ])
  })
})

describe('cache marks (protocol.md §2.9)', () => {
  test('a mark on a message means its last block', () => {
    const cache_control = { type: 'ephemeral' }
    expect(decoded({ role: 'user', content: 'a', cache_control })).toEqual([
      user({ type: 'text', text: 'a', cache: {} }),
    ])
    const { sent } = encoded(decoded({ role: 'user', content: 'a', cache_control }))
    expect(sent).toEqual([{ role: 'user', content: [{ type: 'text', text: 'a', cache_control }] }])
  })

  test('a mark on a result is on its last text', () => {
    const marked = { ...result('a', text('x')), cache: { ttl: '1h' } } as Block
    expect(encoded([user(marked)]).sent).toMatchObject([
      {
        role: 'tool',
        content: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      },
    ])
  })

  test.each([
    [
      { prompt_cache_breakpoint: { mode: 'explicit', ttl: '30m' } },
      'breakpoint',
      { mode: 'explicit', ttl: '30m' },
      [],
    ],
    [
      { cache_control: { type: 'ephemeral', ttl: '5m' } },
      'breakpoint',
      { mode: 'explicit' },
      ['approximated'],
    ],
    [{ cache_control: { type: 'ephemeral' } }, 'breakpoint', { mode: 'explicit' }, []],
    [
      { prompt_cache_breakpoint: { mode: 'explicit', ttl: '30m' } },
      'cache-control',
      { type: 'ephemeral', ttl: '1h' },
      ['approximated'],
    ],
    [{ prompt_cache_breakpoint: { mode: 'explicit' } }, 'cache-control', { type: 'ephemeral' }, []],
    [{ cache_control: { type: 'ephemeral' } }, 'none', undefined, ['dropped']],
  ] as const)('%j to %s', (mark, cacheMarks, written, how) => {
    const messages = decoded({ role: 'user', content: [{ type: 'text', text: 'a', ...mark }] })
    const { sent, lost } = encoded(messages, { cacheMarks })
    const [content] = sent.map((message) => message['content'])
    const [part] = Array.isArray(content) ? (content as JsonObject[]) : [{} as JsonObject]
    expect(part?.['cache_control'] ?? part?.['prompt_cache_breakpoint']).toEqual(written)
    expect(lost).toEqual(how.map((word) => `${word} messages[0].content[0].cache`))
  })
})

describe('content an upstream cannot take', () => {
  const pdf: MediaBlock = {
    type: 'media',
    kind: 'document',
    source: { type: 'base64', mediaType: 'application/pdf', data: 'AAAA' },
  }
  const note: MediaBlock = {
    type: 'media',
    kind: 'document',
    title: 'Note',
    source: { type: 'text', mediaType: 'text/plain', text: 'hi' },
  }
  const csv: MediaBlock = {
    type: 'media',
    kind: 'document',
    filename: 'a.csv',
    source: { type: 'base64', mediaType: 'text/csv', data: 'YSxi' },
  }
  const sound: MediaBlock = {
    type: 'media',
    kind: 'audio',
    source: { type: 'base64', mediaType: 'audio/wav', data: 'AAAA' },
  }
  const film: MediaBlock = { type: 'media', kind: 'video', source: { type: 'url', url: 'https://a/b.mp4' } }
  const alien: Block = { type: 'unknown', dialect: 'messages', wire: { type: 'container_upload' } }
  const rows: [string, Block, Partial<Capabilities>, UpstreamTarget['documentPolicy']][] = [
    ['images', image, { images: false }, 'reject'],
    ['image URLs', { ...image, source: { type: 'url', url: 'https://a/b' } }, { imageUrl: false }, 'reject'],
    ['audio', sound, { audio: false }, 'reject'],
    ['video', film, { video: false }, 'reject'],
    ['documents', pdf, { documents: false }, 'reject'],
    ['documents that are passed on', pdf, { documents: false }, 'passthrough'],
    ['documents without text', pdf, { documents: false }, 'text'],
    [
      'document URLs',
      { ...pdf, source: { type: 'url', url: 'https://a/b' } },
      { documentUrl: false },
      'reject',
    ],
    ['blocks of another dialect', alien, {}, 'reject'],
  ]
  test.each(rows)('%s are refused', (_, block, capabilities, documentPolicy) => {
    const [lost] = encoded([user(block)], capabilities, { documentPolicy }).lost
    expect(lost).toMatch(/^refused messages\[0\]\.content\[0\]/)
  })

  test('what another dialect alone knows of an earlier answer is left out and told', () => {
    const { sent, lost } = encoded([{ role: 'assistant', content: [alien, text('a')] }])
    expect(sent).toEqual([{ role: 'assistant', content: 'a' }])
    expect(lost).toEqual(['dropped messages[0].content[0]'])
  })

  test('documents as text', () => {
    const blind = { documents: false }
    expect(encoded([user(csv)], blind, { documentPolicy: 'text' })).toEqual({
      sent: [{ role: 'user', content: 'a.csv\n\na,b' }],
      lost: ['approximated messages[0].content[0]'],
    })
    expect(encoded([user(note)], blind)).toEqual({
      sent: [{ role: 'user', content: 'Note\n\nhi' }],
      lost: [],
    })
  })
})

describe('thinking goes back as the upstream wants it (protocol.md §1.5)', () => {
  const thought: Block = { type: 'thinking', text: 'hm' }
  const turns: Message[] = [
    { role: 'assistant', content: [thought, call('a')] },
    { role: 'assistant', content: [thought, text('b')] },
    { role: 'assistant', content: [text('c')] },
  ]
  test.each([
    ['never', [undefined, undefined, undefined]],
    ['tool-turns', ['hm', undefined, undefined]],
    ['always', ['hm', 'hm', '']],
  ] as const)('%s', (reasoningReplay, expected) => {
    const { sent, lost } = encoded(turns, { reasoningReplay })
    expect(sent.map((message) => message['reasoning_content'])).toEqual([...expected])
    expect(lost).toEqual([])
  })

  test('under the name the upstream knows', () => {
    const { sent } = encoded(turns, { reasoningReplay: 'always', reasoningField: 'reasoning' })
    expect(sent.map((message) => message['reasoning'])).toEqual(['hm', 'hm', ''])
  })

  const details = [
    { type: 'reasoning.text', text: 'hm', signature: 'sig', format: 'anthropic-claude-v1', index: 0 },
    { type: 'reasoning.encrypted', data: 'blob', format: 'openai-responses-v1', id: 'rs_1', index: 1 },
  ]
  test('signed entries return unmodified and in order, the text once', () => {
    const messages = decoded({ role: 'assistant', content: 'a', reasoning: 'hm', reasoning_details: details })
    expect(messages[0]?.content).toMatchObject([
      { type: 'thinking', text: 'hm' },
      { type: 'thinking', text: '', redacted: true },
      { type: 'text', text: 'a' },
    ])
    const { sent } = encoded(messages, { reasoningReplay: 'signed' })
    expect(sent).toEqual([{ role: 'assistant', content: 'a', reasoning_details: details }])
  })

  test('state of another maker or dialect is never sent', () => {
    const native: Opaque = {
      dialect: 'chat-completions',
      kind: 'reasoning-details',
      value: '{"type":"reasoning.encrypted","data":"x"}',
    }
    const foreign: Opaque[] = [
      { ...native, maker: 'other/model' },
      { dialect: 'messages', kind: 'signature', value: 'sig' },
    ]
    for (const opaque of foreign) {
      const message: Message = {
        role: 'assistant',
        content: [{ type: 'thinking', text: '', opaque: [opaque] }, text('a')],
      }
      expect(encoded([message], { reasoningReplay: 'signed' })).toEqual({
        sent: [{ role: 'assistant', content: 'a' }],
        lost: [],
      })
    }
    const own: Message = {
      role: 'assistant',
      content: [{ type: 'thinking', text: '', opaque: [native] }, text('a')],
    }
    expect(encoded([own], { reasoningReplay: 'signed' }).sent[0]).toHaveProperty('reasoning_details')
  })

  test('envelopes in details, calls and messages are opened', () => {
    const signature: Opaque = { dialect: 'messages', kind: 'signature', value: 'sig', maker: 'a/b' }
    const redacted: Opaque = { dialect: 'messages', kind: 'redacted', value: 'r.', maker: 'a/b' }
    const thoughtful: Opaque = {
      dialect: 'generate-content',
      kind: 'thought-signature',
      value: 'ts',
      maker: 'g/h',
    }
    const wrap = (opaque: Opaque) => wrapOpaque(opaque, 'chat-completions', 'reasoning-details')
    const google = { google: { thought_signature: wrap(thoughtful) } }
    const [message] = decoded({
      role: 'assistant',
      content: 'a',
      reasoning_content: 'hm',
      reasoning_details: [
        { type: 'reasoning.text', text: 'hm', signature: wrap(signature), index: 0 },
        { type: 'reasoning.encrypted', data: wrap(redacted), index: 1 },
      ],
      extra_content: google,
      tool_calls: [
        { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' }, extra_content: google },
      ],
    })
    expect(message).toEqual({
      role: 'assistant',
      content: [
        { type: 'thinking', text: 'hm', opaque: [signature] },
        { type: 'thinking', text: '', redacted: true, opaque: [redacted] },
        { type: 'text', text: 'a', signature: thoughtful },
        { type: 'tool-call', id: 'c', name: 'f', kind: 'function', arguments: '{}', signature: thoughtful },
      ],
    })
  })

  test('a native thought signature stays where it was', () => {
    const extra_content = { google: { thought: true, thought_signature: 'native' } }
    const wire = {
      role: 'assistant',
      content: null,
      extra_content,
      tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' }, extra_content }],
    }
    expect(encoded(decoded(structuredClone(wire))).sent).toEqual([wire])
  })
})
