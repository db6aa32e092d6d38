import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { anthropicClient } from './clients/anthropic.ts'
import { type Ask, type Client, modes, type Seen, type Session, type Tool } from './clients/ask.ts'
import { openaiClient } from './clients/openai.ts'
import { SAMPLE_TEXT } from './scene/sample.ts'
import {
  LENGTH_TEXT,
  PLAIN_TEXT,
  REFUSAL_TEXT,
  STOP_TEXT,
  THINKING_TEXT,
  UNICODE_TEXT,
  USAGE_BILL,
} from './scene/scenes.ts'
import { startUpstream, type Upstream } from './upstream.ts'
import { keyOf } from './vendors.ts'

/** The rig tests itself: the official SDKs talk to it directly, without a gateway between. */

let upstream: Upstream
beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())

/** One way to reach the rig with an official SDK. */
interface Seat {
  name: string
  model: string
  connect(): Client
  /** This wire shows the model's thinking. */
  showsThinking: boolean
  /** This wire carries thinking back to the model. */
  keepsState: boolean
  words: { stop: string; tools: string; length: string; refusal: string; stopSequence: string }
}

const chatWords = {
  stop: 'stop',
  tools: 'tool_calls',
  length: 'length',
  refusal: 'stop',
  stopSequence: 'stop',
}
const messagesWords = {
  stop: 'end_turn',
  tools: 'tool_use',
  length: 'max_tokens',
  refusal: 'refusal',
  stopSequence: 'stop_sequence',
}

const openai = (path: string, vendor: string): Client =>
  openaiClient({ baseUrl: upstream.url + path, apiKey: keyOf(vendor) })

const seats: readonly Seat[] = [
  {
    name: 'openai SDK → openai',
    model: 'gpt-4.1',
    connect: () => openai('/openai/v1', 'openai'),
    showsThinking: false,
    keepsState: false,
    words: chatWords,
  },
  {
    name: 'openai SDK → openrouter',
    model: 'anthropic/claude-sonnet-4.5',
    connect: () => openai('/openrouter/api/v1', 'openrouter'),
    showsThinking: true,
    keepsState: false,
    words: chatWords,
  },
  {
    name: 'anthropic SDK → anthropic',
    model: 'claude-opus-4-6',
    connect: () => anthropicClient({ baseUrl: `${upstream.url}/anthropic`, apiKey: keyOf('anthropic') }),
    showsThinking: true,
    keepsState: true,
    words: messagesWords,
  },
  {
    name: 'anthropic SDK → clewdr',
    model: 'claude-opus-4-6',
    connect: () => anthropicClient({ baseUrl: `${upstream.url}/clewdr/code`, apiKey: keyOf('clewdr') }),
    showsThinking: true,
    keepsState: true,
    words: messagesWords,
  },
]

const weather: Tool = {
  name: 'get_weather',
  description: '获取指定城市天气',
  parameters: { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] },
}
const clock: Tool = { name: 'get_time', parameters: { type: 'object', properties: {} } }

for (const seat of seats)
  for (const mode of modes)
    describe(`${seat.name}, ${mode}`, () => {
      const open = (ask: Partial<Ask> = {}): Session => seat.connect().open({ model: seat.model, ...ask })
      const play = (scene: string, ask: Partial<Ask> = {}): Promise<Seen> => {
        const session = open(ask)
        session.user({ type: 'text', text: `[scene:${scene}] please` })
        return session.send(mode)
      }

      test('text', async () => {
        const seen = await play('text')
        expect(seen.text).toBe(PLAIN_TEXT)
        expect(seen.finish).toBe(seat.words.stop)
        expect(seen.model).toBe(seat.model)
        expect(seen.usage?.output).toBe(upstream.ledger.last.bill?.output)
      })

      test('text in many scripts', async () => {
        expect((await play('unicode')).text).toBe(UNICODE_TEXT)
      })

      test('a tool, and its result in the next turn', async () => {
        const session = open({ tools: [weather] })
        session.user({ type: 'text', text: '[scene:tool] Weather?' })
        const seen = await session.send(mode)
        expect(seen.finish).toBe(seat.words.tools)
        expect(seen.calls).toEqual([
          { id: expect.any(String), name: 'get_weather', arguments: { location: SAMPLE_TEXT } },
        ])
        session.results({ callId: seen.calls[0]?.id ?? '', text: '21 °C' })
        expect((await session.send(mode)).text).toStartWith('result: 21 °C')
      })

      test('parallel tools, one without arguments', async () => {
        const session = open({ tools: [weather, clock] })
        session.user({ type: 'text', text: '[scene:parallel-tools] Both?' })
        const seen = await session.send(mode)
        expect(seen.text).toBe('I will ask two things.')
        expect(seen.calls.map((call) => [call.name, call.arguments])).toEqual([
          ['get_weather', { location: SAMPLE_TEXT }],
          ['get_time', {}],
        ])
        const [first, second] = seen.calls
        session.results(
          { callId: first?.id ?? '', text: 'no such city', isError: true },
          { callId: second?.id ?? '', text: 'noon' },
        )
        expect((await session.send(mode)).text).toMatch(/^error: (Error: )?no such city\nresult: noon/)
      })

      test('thinking, and its state in the next turn', async () => {
        const session = open({ tools: [weather], ...(seat.keepsState ? { thinking: 'adaptive' } : {}) })
        session.user({ type: 'text', text: '[scene:thinking-tool] Think!' })
        const seen = await session.send(mode)
        expect(seen.thinking).toBe(seat.showsThinking ? THINKING_TEXT : '')
        session.results({ callId: seen.calls[0]?.id ?? '', text: '21 °C' })
        const answer = await session.send(mode)
        expect(answer.text).toEndWith(seat.keepsState ? 'state: own' : 'state: missing')
      })

      test('structured output', async () => {
        const schema = {
          type: 'object',
          properties: { city: { type: 'string' }, degrees: { type: 'integer' } },
          required: ['city', 'degrees'],
          additionalProperties: false,
        }
        expect(JSON.parse((await play('structured', { schema })).text)).toEqual({
          city: SAMPLE_TEXT,
          degrees: 7,
        })
      })

      test('refusal', async () => {
        const seen = await play('refusal')
        expect(seen.refusal).toBe(REFUSAL_TEXT)
        expect(seen.finish).toBe(seat.words.refusal)
      })

      test('the length limit', async () => {
        const seen = await play('length', { maxTokens: 20 })
        expect(seen.finish).toBe(seat.words.length)
        expect(LENGTH_TEXT).toStartWith(seen.text)
        expect(seen.text.length).toBe(80)
      })

      test('a stop sequence', async () => {
        const seen = await play('stop', { stop: ['five'] })
        expect(seen.text).toBe(STOP_TEXT.slice(0, STOP_TEXT.indexOf('five')))
        expect(seen.finish).toBe(seat.words.stopSequence)
      })

      test('usage with cache figures', async () => {
        const { input, output, cacheRead, cacheWrite } = USAGE_BILL
        expect((await play('usage')).usage).toEqual({ input, output, cacheRead, cacheWrite })
      })

      test('images and documents are seen', async () => {
        const session = open()
        session.user(
          { type: 'text', text: '[scene:media]' },
          { type: 'image', data: 'iVBORw0KGgo=' },
          { type: 'image-url', url: 'https://example.com/cat.png' },
          { type: 'pdf', data: 'JVBERi0xLjQK' },
        )
        const media = JSON.parse((await session.send(mode)).text)
        expect(media.map((one: { kind: string; form: string }) => `${one.kind} ${one.form}`)).toEqual([
          'image base64',
          'image url',
          'document base64',
        ])
      })

      test('a long stream and one very large event', async () => {
        expect((await play('long@200')).text).toEndWith('第199 piece. ')
        expect((await play('big-event@2000000')).text.length).toBe(2_000_000)
      })

      test('an error before the answer', async () => {
        const client = seat.connect()
        const session = client.open({ model: seat.model })
        session.user({ type: 'text', text: '[scene:error@429]' })
        const error = await session.send(mode).catch((thrown: unknown) => client.describe(thrown))
        expect(error).toMatchObject({ name: 'RateLimitError', status: 429 })
      })

      if (mode !== 'whole')
        test.each(['error-first', 'error-middle'])('an error in the stream: %s', async (scene) => {
          const client = seat.connect()
          const session = client.open({ model: seat.model })
          session.user({ type: 'text', text: `[scene:${scene}]` })
          const error = await session.send(mode).catch((thrown: unknown) => client.describe(thrown))
          expect(error).toMatchObject({ message: expect.stringContaining('rig') })
        })
    })

describe('what only some wires have', () => {
  test.each(modes)('several answers to one request (openai, %s)', async (mode) => {
    const session = openai('/openai/v1', 'openai').open({ model: 'gpt-4.1', candidates: 2 })
    session.user({ type: 'text', text: '[scene:text]' })
    expect((await session.send(mode)).texts).toEqual([PLAIN_TEXT, PLAIN_TEXT])
  })

  test.each(modes)('reasoning_content (compatible servers, %s)', async (mode) => {
    const session = openai('/deepseek/v1', 'deepseek').open({ model: 'deepseek-reasoner' })
    session.user({ type: 'text', text: '[scene:thinking]' })
    expect((await session.send(mode)).thinking).toBe(THINKING_TEXT)
  })

  test('turns that called tools must come back with their reasoning (deepseek)', async () => {
    const client = openai('/deepseek/v1', 'deepseek')
    const session = client.open({ model: 'deepseek-reasoner', tools: [weather] })
    session.user({ type: 'text', text: '[scene:thinking-tool]' })
    const seen = await session.send('whole')
    session.results({ callId: seen.calls[0]?.id ?? '', text: '21 °C' })
    const error = await session.send('whole').catch((thrown: unknown) => client.describe(thrown))
    expect(error).toMatchObject({ status: 400, message: expect.stringContaining('must be passed back') })
  })

  test('redacted thinking (anthropic)', async () => {
    const client = anthropicClient({ baseUrl: `${upstream.url}/anthropic`, apiKey: keyOf('anthropic') })
    const session = client.open({ model: 'claude-opus-4-6', thinking: 'adaptive' })
    session.user({ type: 'text', text: '[scene:redacted-thinking]' })
    expect(await session.send('helper')).toMatchObject({ text: PLAIN_TEXT, thinking: '' })
    session.user({ type: 'text', text: '[scene:thinking]' })
    expect((await session.send('whole')).text).toBe('state: own')
  })

  test('the web route of Clewdr reads no tools', async () => {
    const client = anthropicClient({ baseUrl: `${upstream.url}/clewdr`, apiKey: keyOf('clewdr') })
    const session = client.open({ model: 'claude-opus-4-6', tools: [weather] })
    session.user({ type: 'text', text: '[scene:tool]' })
    expect((await session.send('whole')).text).toBe('No tool was offered.')
  })
})
