import { describe, expect, test } from 'bun:test'
import type { Block } from './block.ts'
import { estimateText, estimateTokens } from './estimate.ts'
import type { ChatRequest } from './request.ts'

function request(content: Block[], more: Partial<ChatRequest> = {}): ChatRequest {
  return { model: 'm', stream: false, messages: [{ role: 'user', content }], ...more }
}

describe('text', () => {
  const table: [string, number][] = [
    ['', 0],
    ['abcd', 1],
    ['a'.repeat(400), 100],
    ['äöüß', 2],
    ['一二三', 2],
    ['こんにちは', 5 / 1.5],
    ['😊', 1],
    ['Привет', 3],
  ]
  for (const [text, tokens] of table)
    test(text.slice(0, 12), () => {
      expect(estimateText(text)).toBeCloseTo(tokens)
    })
})

describe('requests', () => {
  test('an empty one costs at least one token', () => {
    expect(estimateTokens({ model: 'm', stream: false, messages: [] })).toBeGreaterThan(0)
  })

  const more: [string, ChatRequest][] = [
    ['a longer text', request([{ type: 'text', text: 'a'.repeat(4000) }])],
    ['an image', request([{ type: 'media', kind: 'image', source: { type: 'url', url: 'u' } }])],
    [
      'a document',
      request([
        {
          type: 'media',
          kind: 'document',
          source: { type: 'base64', mediaType: 'application/pdf', data: 'x' },
        },
      ]),
    ],
    ['a call', request([{ type: 'tool-call', id: 'i', name: 'f', kind: 'function', arguments: '{"a":1}' }])],
    ['a result', request([{ type: 'tool-result', callId: 'i', content: [{ type: 'text', text: 'ok' }] }])],
    [
      'an unknown block',
      request([{ type: 'unknown', dialect: 'messages', wire: { type: 'x', data: 'y'.repeat(99) } }]),
    ],
    ['a tool', request([], { tools: [{ type: 'function', name: 'f', parameters: { type: 'object' } }] })],
    [
      'a schema',
      request([], { format: { type: 'json-schema', schema: { type: 'object', properties: {} } } }),
    ],
  ]
  for (const [name, larger] of more)
    test(`${name} counts`, () => {
      expect(estimateTokens(larger)).toBeGreaterThan(estimateTokens(request([])))
    })
})
