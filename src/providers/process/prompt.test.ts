import { describe, expect, test } from 'bun:test'
import { settingsFor } from '../../../test/providers/settings.ts'
import type { Block } from '../../protocol/model/block.ts'
import type { ChatRequest, Message } from '../../protocol/model/request.ts'
import { processLosses, standardInput } from './prompt.ts'
import { processSettings } from './settings.ts'

const say = (role: Message['role'], text: string): Message => ({ role, content: [{ type: 'text', text }] })
const asked = (messages: Message[], more: Partial<ChatRequest> = {}): ChatRequest => ({
  model: 'm',
  stream: true,
  messages,
  ...more,
})
const settings = (options: Record<string, unknown> = {}) =>
  processSettings(settingsFor({ options: { command: ['x'], ...options } }))

describe('the conversation as text', () => {
  const rows: [Message[], string][] = [
    [[say('user', 'Hi')], 'Hi'],
    [[say('system', 'Be brief.'), say('user', 'Hi')], 'Be brief.\n\nHi'],
    [
      [say('user', 'Hi'), say('assistant', 'Ho'), say('user', 'And?')],
      'User: Hi\n\nAssistant: Ho\n\nUser: And?\n\nAssistant:',
    ],
    [[say('user', 'Hi'), say('assistant', 'Once')], 'User: Hi\n\nAssistant: Once'],
  ]
  test.each(rows)('%j → %j', (messages, text) => {
    expect(standardInput(asked(messages), 'm', settings())).toBe(text)
  })

  test('earlier tool use is told in words', () => {
    const call: Block = { type: 'tool-call', kind: 'function', id: '1', name: 'f', arguments: '{"a":1}' }
    const result: Block = {
      type: 'tool-result',
      callId: '1',
      content: [{ type: 'text', text: '7' }],
      isError: true,
    }
    const text = standardInput(
      asked([say('user', 'Hi'), { role: 'assistant', content: [call] }, { role: 'user', content: [result] }]),
      'm',
      settings(),
    )
    expect(text).toContain('Assistant: [tool call f {"a":1}]\n\nUser: [tool result (error)] 7')
  })
})

test('messages-json is one line with what was said', () => {
  const line = standardInput(
    asked([say('user', 'a\nb')], { maxOutputTokens: 5, stop: ['x'] }),
    'up',
    settings({ input: 'messages-json' }),
  )
  expect(line.endsWith('\n')).toBe(true)
  expect(line.trimEnd()).not.toContain('\n')
  expect(JSON.parse(line)).toEqual({
    model: 'up',
    messages: [{ role: 'user', content: 'a\nb' }],
    max_tokens: 5,
    stop: ['x'],
  })
})

describe('what is lost is said', () => {
  const image: Block = { type: 'media', kind: 'image', source: { type: 'url', url: 'http://x' } }
  const tools: ChatRequest['tools'] = [{ type: 'function', name: 'f' }]
  const rows: [Partial<ChatRequest>, Record<string, unknown>, [path: string, isEssential: boolean][]][] = [
    [{}, {}, []],
    [
      { topK: 1, seed: 2 },
      {},
      [
        ['topK', false],
        ['seed', false],
      ],
    ],
    [{ seed: 2, maxOutputTokens: 1 }, { input: 'messages-json' }, []],
    [
      { maxOutputTokens: 1, temperature: 0 },
      {},
      [
        ['maxOutputTokens', false],
        ['temperature', false],
      ],
    ],
    [{ maxOutputTokens: 1 }, { command: ['x', '{max_tokens}'] }, []],
    [{ tools }, {}, [['tools', false]]],
    [{ tools, toolChoice: { type: 'tool', name: 'f' } }, {}, [['toolChoice', true]]],
    [{ tools: [] }, {}, []],
    [{ messages: [{ role: 'user', content: [image] }] }, {}, [['messages[0].content[0]', true]]],
    [
      { messages: [{ role: 'user', content: [{ type: 'tool-result', callId: '1', content: [image] }] }] },
      {},
      [['messages[0].content[0].content[0]', true]],
    ],
    [
      { messages: [{ role: 'assistant', content: [{ type: 'thinking', text: 'hm' }] }] },
      {},
      [['messages[0].content[0]', false]],
    ],
  ]
  test.each(rows)('%j with %j → %j', (more, options, lost) => {
    const { list } = processLosses(asked([say('user', 'Hi')], more), settings(options))
    expect(list.map(({ path, essential = false }) => [path, essential])).toEqual(lost)
  })
})

test.each([
  [{ command: 'llama' }, 'command: expected a list'],
  [{ command: [] }, 'command: expected the program first'],
  [{ command: ['{model}'] }, 'command: expected the program first'],
  [{ command: ['x', '{prompt}'] }, 'command: "{prompt}" has {prompt}, which is none of {model}'],
  [{ command: ['x'], input: 'xml' }, 'input: expected "prompt" or "messages-json"'],
  [{ command: ['x'], output: 7 }, 'output: expected "text" or "jsonl"'],
  [{ command: ['x'], concurrency: 0 }, 'concurrency: expected a whole number above 0'],
  [{ command: ['x'], timeoutMs: 1.5 }, 'timeout_ms: expected a whole number above 0'],
  [{ command: ['x'], env: [1] }, 'env: expected a list'],
  [{ command: ['x'], cwd: 1 }, 'cwd: expected the path'],
])('settings %j: %s', (options, message) => {
  expect(() => processSettings(settingsFor({ options }))).toThrow(message)
})
