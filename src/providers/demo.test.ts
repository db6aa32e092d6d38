import { expect, test } from 'bun:test'
import { settingsFor } from '../../test/providers/settings.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { fold } from '../protocol/model/fold.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import { createDemo } from './demo.ts'

const demo = createDemo(() => Promise.resolve())

async function ask(text: string, more: Partial<ChatRequest> = {}, signal = new AbortController().signal) {
  const events: AnswerEvent[] = []
  const request: ChatRequest = {
    model: 'echo',
    stream: true,
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    ...more,
  }
  for await (const batch of demo.open({
    model: 'echo',
    request,
    settings: settingsFor(),
    signal,
    newId: () => 'id',
    now: 9,
  }))
    events.push(...batch)
  return events
}

test('says what it is, repeats the text, word by word', async () => {
  const events = await ask('你好 world')
  const answer = fold(events)
  const [block] = answer.candidates[0]?.blocks ?? []
  expect(block).toMatchObject({ type: 'text' })
  expect(block && 'text' in block ? block.text : '').toMatch(/demonstration model.*You wrote: 你好 world$/)
  expect(events.filter(({ type }) => type === 'block-delta').length).toBeGreaterThan(15)
  expect(answer.usage?.estimated).toBe(true)
  expect(answer.usage?.inputTokens).toBeGreaterThan(0)
  expect(answer.candidates[0]?.finish).toEqual({ reason: 'stop' })
})

const tools: ChatRequest['tools'] = [{ type: 'function', name: 'get_weather' }]

test.each([
  ['please call get_weather {"location": "北京"}', '{"location":"北京"}'],
  ['call get_weather', '{}'],
  ['call get_weather {broken', '{}'],
])('%s → a call with %s', async (text, json) => {
  const [candidate] = fold(await ask(text, { tools })).candidates
  expect(candidate?.blocks).toEqual([
    { type: 'tool-call', kind: 'function', id: 'call_id', name: 'get_weather', arguments: json },
  ])
  expect(candidate?.finish).toEqual({ reason: 'tool-calls' })
})

test.each([
  ['call get_weather', {}],
  ['call get_weather', { tools, toolChoice: { type: 'none' } }],
  ['call get_weather_now', { tools }],
  ['get_weather', { tools }],
] as [string, Partial<ChatRequest>][])('%s with %j is answered in words', async (text, more) => {
  expect(fold(await ask(text, more)).candidates[0]?.finish.reason).toBe('stop')
})

test('a tool’s result is told', async () => {
  const messages: ChatRequest['messages'] = [
    {
      role: 'user',
      content: [{ type: 'tool-result', callId: '1', content: [{ type: 'text', text: 'sunny' }] }],
    },
  ]
  expect(JSON.stringify(fold(await ask('', { messages, tools })))).toContain('The tool answered: sunny')
})

test('the bound on the answer is kept', async () => {
  const answer = fold(await ask('hi', { maxOutputTokens: 5 }))
  expect(answer.candidates[0]?.finish).toEqual({ reason: 'length' })
  expect(answer.usage?.outputTokens).toBeLessThanOrEqual(5)
})

test('leaving ends it', async () => {
  await expect(ask('hi', {}, AbortSignal.abort())).rejects.toMatchObject({ kind: 'client_closed' })
})
