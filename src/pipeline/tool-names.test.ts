import { describe, expect, test } from 'bun:test'
import { chatCompletions } from '../protocol/dialects/chat-completions/dialect.ts'
import { generateContent } from '../protocol/dialects/generate-content/dialect.ts'
import { messages } from '../protocol/dialects/messages/dialect.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import type { Tool } from '../protocol/model/request.ts'
import { namingDecoder, replacedNames, withOwnNames } from './tool-names.ts'

const tool = (name: string): Tool => ({ type: 'function', name })
const call = (name: string): AnswerEvent => ({
  type: 'block-start',
  index: 0,
  block: { type: 'tool-call', id: 'i', name, kind: 'function', arguments: '' },
})

describe('names an upstream does not take', () => {
  const illegal = {
    'files.read': [chatCompletions, messages],
    天気: [chatCompletions, messages, generateContent],
  }
  for (const [name, dialects] of Object.entries(illegal))
    for (const { name: dialect, upstream } of dialects)
      test(`${name} comes back from ${dialect} as it was written`, () => {
        const names = replacedNames([tool('fine'), tool(name)], upstream)
        const sent = upstream.wireToolName?.(name) ?? ''
        expect(sent).toMatch(/^[a-zA-Z0-9_-]+$/)
        expect([...names]).toEqual([[sent, name]])
        expect(withOwnNames([call(sent), call('fine')], names)).toEqual([call(name), call('fine')])
      })

  test('dots are no reason to rename where the wire takes them', () => {
    expect(replacedNames([tool('files.read')], generateContent.upstream).size).toBe(0)
  })

  test('a tool that really has the replacing name keeps it', () => {
    const sent = messages.upstream.wireToolName?.('a.b') ?? ''
    expect(replacedNames([tool('a.b'), tool(sent)], messages.upstream).size).toBe(0)
  })

  test('streams as well', () => {
    const decoder = { push: () => [call('sent')], end: () => [call('sent')] }
    const named = namingDecoder(decoder, new Map([['sent', 'written']]))
    expect([...named.push({ data: '' }), ...named.end()]).toEqual([call('written'), call('written')])
    expect(namingDecoder(decoder, new Map())).toBe(decoder)
  })
})
