import { expect } from 'bun:test'
import type { Client, Tool, UserPart } from '../rig/clients/ask.ts'
import { SAMPLE_TEXT } from '../rig/scene/sample.ts'
import {
  LENGTH_TEXT,
  PLAIN_TEXT,
  REFUSAL_TEXT,
  STOP_TEXT,
  THINKING_TEXT,
  UNICODE_TEXT,
  USAGE_BILL,
} from '../rig/scene/scenes.ts'
import { allMedia, type Media } from '../rig/wire/conversation.ts'
import { ask, type Cell, entries, finish, modelOf, open, opening, received } from './cell.ts'

/** One row of the matrix. `run` throws when the cell is red. */
export interface Scenario {
  name: string
  /** Clients whose own dialect can ask for it; both when absent. */
  clients?: readonly Client['name'][]
  run(cell: Cell): Promise<void>
}

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const PDF = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n').toString(
  'base64',
)
const WAV = Buffer.from('RIFF\u0024\0\0\0WAVEfmt \u0010\0\0\0').toString('base64')
const CAT = 'https://example.com/cat.png'
const NOTES = 'Meeting at noon 正午.'

const weather: Tool = {
  name: 'get_weather',
  description: '获取指定城市天气',
  parameters: { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] },
}
const clock: Tool = {
  name: 'get_time',
  description: 'The time',
  parameters: { type: 'object', properties: {} },
}

const answerSchema = {
  type: 'object',
  properties: { city: { type: 'string' }, degrees: { type: 'integer' } },
  required: ['city', 'degrees'],
  additionalProperties: false,
}

/** Sends one part beside the marks and gives what the upstream saw of it. */
async function sendPart(cell: Cell, part: UserPart): Promise<Media[]> {
  const session = open(cell)
  session.user(opening(cell, '[scene:media]'), part)
  const seen = await session.send(cell.mode)
  expect(seen.text).toStartWith('[')
  return allMedia(received(cell))
}

/** Calls one tool and gives the session with its call. */
async function callTool(cell: Cell, scene: string, thinking?: 'budget') {
  const session = open(cell, { tools: [weather], thinking })
  session.user(opening(cell, `[scene:${scene}]`))
  const seen = await session.send(cell.mode)
  expect(seen.finish).toBe(finish(cell, 'tools'))
  expect(seen.calls).toEqual([
    { id: expect.any(String), name: 'get_weather', arguments: { location: SAMPLE_TEXT } },
  ])
  return { session, seen, callId: seen.calls[0]?.id ?? '' }
}

async function expectText(cell: Cell, marks: string, text: string): Promise<void> {
  const seen = await ask(cell, marks)
  expect(seen.text).toBe(text)
  expect(seen.finish).toBe(finish(cell, 'stop'))
}

/** The SDK throws, with the upstream's words in its message. */
async function expectFailure(cell: Cell, scene: string, words: string): Promise<number | undefined> {
  const outcome = await ask(cell, `[scene:${scene}]`).catch((thrown: unknown) => cell.client.describe(thrown))
  expect(outcome).toMatchObject({ message: expect.stringContaining(words) })
  return 'status' in outcome ? outcome.status : undefined
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'text',
    run: async (cell) => {
      const seen = await ask(cell, '[scene:text]')
      expect(seen.text).toBe(PLAIN_TEXT)
      expect(seen.finish).toBe(finish(cell, 'stop'))
      expect(seen.usage?.output).toBe(entries(cell)[0]?.bill?.output)
    },
  },
  {
    name: 'the model name asked for',
    run: async (cell) => {
      expect((await ask(cell, '[scene:text]')).model).toBe(modelOf(cell))
    },
  },
  { name: 'text in many scripts', run: (cell) => expectText(cell, '[scene:unicode]', UNICODE_TEXT) },
  {
    name: 'one byte a write',
    run: (cell) => expectText(cell, '[scene:unicode] [fault:one-byte-writes]', UNICODE_TEXT),
  },
  {
    name: 'CRLF from the upstream',
    run: (cell) => expectText(cell, '[scene:text] [fault:crlf]', PLAIN_TEXT),
  },
  {
    name: 'comments between events',
    run: (cell) => expectText(cell, '[scene:text] [fault:comments]', PLAIN_TEXT),
  },
  { name: 'compressed answer', run: (cell) => expectText(cell, '[scene:text] [fault:gzip]', PLAIN_TEXT) },
  {
    name: 'one event of 2 MB',
    run: async (cell) => {
      expect((await ask(cell, '[scene:big-event@2000000]')).text.length).toBe(2_000_000)
    },
  },
  {
    name: 'system prompt',
    run: async (cell) => {
      const seen = await ask(cell, '[scene:system]', { system: 'You are terse.' })
      expect(seen.text).toBe('system: You are terse.')
    },
  },
  {
    name: 'image (base64)',
    run: async (cell) => {
      const media = await sendPart(cell, { type: 'image', data: PNG })
      expect(media).toEqual([
        { type: 'media', kind: 'image', form: 'base64', mediaType: 'image/png', value: PNG },
      ])
    },
  },
  {
    name: 'image (URL)',
    run: async (cell) => {
      const media = await sendPart(cell, { type: 'image-url', url: CAT })
      expect(media).toMatchObject([{ kind: 'image', form: 'url', value: CAT }])
    },
  },
  {
    name: 'document (PDF)',
    run: async (cell) => {
      const media = await sendPart(cell, { type: 'pdf', data: PDF })
      expect(media).toMatchObject([{ kind: 'document', mediaType: 'application/pdf', value: PDF }])
    },
  },
  {
    name: 'document (text)',
    run: async (cell) => {
      await sendPart(cell, { type: 'text-document', text: NOTES })
      const conversation = received(cell)
      const texts = conversation.turns.flatMap((turn) =>
        turn.parts.map((part) => (part.type === 'text' ? part.text : '')),
      )
      const documents = allMedia(conversation).map((one) =>
        one.form === 'base64' ? Buffer.from(one.value, 'base64').toString() : one.value,
      )
      expect([...texts, ...documents].join('\n')).toContain(NOTES)
    },
  },
  {
    name: 'audio input',
    clients: ['openai'],
    run: async (cell) => {
      const media = await sendPart(cell, { type: 'audio', data: WAV })
      expect(media).toMatchObject([{ kind: 'audio', form: 'base64', mediaType: 'audio/wav', value: WAV }])
    },
  },
  {
    name: 'a tool',
    run: async (cell) => {
      await callTool(cell, 'tool')
      expect(received(cell).tools).toMatchObject([
        { name: 'get_weather', schema: { properties: { location: {} } } },
      ])
    },
  },
  {
    name: 'a forced tool',
    run: async (cell) => {
      const session = open(cell, { tools: [weather, clock], toolChoice: 'get_weather' })
      session.user(opening(cell, '[scene:tool]'))
      expect((await session.send(cell.mode)).calls.length).toBe(1)
      expect(received(cell).toolChoice).toBe('get_weather')
    },
  },
  {
    name: 'text and a tool',
    run: async (cell) => {
      const { seen } = await callTool(cell, 'text-and-tool')
      expect(seen.text).toBe('Let me look that up.')
    },
  },
  {
    name: 'parallel tools',
    run: async (cell) => {
      const session = open(cell, { tools: [weather, clock] })
      session.user(opening(cell, '[scene:parallel-tools]'))
      const seen = await session.send(cell.mode)
      expect(seen.calls.map((call) => [call.name, call.arguments])).toEqual([
        ['get_weather', { location: SAMPLE_TEXT }],
        ['get_time', {}],
      ])
      const [first, second] = seen.calls.map((call) => call.id)
      expect(first).not.toBe(second)
      session.results({ callId: first ?? '', text: 'rain' }, { callId: second ?? '', text: 'noon' })
      expect((await session.send(cell.mode)).text).toStartWith('result: rain\nresult: noon')
    },
  },
  {
    name: 'tool result',
    run: async (cell) => {
      const { session, callId } = await callTool(cell, 'tool')
      session.results({ callId, text: '21 °C' })
      expect((await session.send(cell.mode)).text).toStartWith('result: 21 °C')
      session.user({ type: 'text', text: 'Thanks. [scene:text]' })
      expect((await session.send(cell.mode)).text).toBe(PLAIN_TEXT)
    },
  },
  {
    name: 'tool result that is an error',
    run: async (cell) => {
      const { session, callId } = await callTool(cell, 'tool')
      session.results({ callId, text: 'no such city', isError: true })
      expect((await session.send(cell.mode)).text).toMatch(/^(error|result): (Error: )?no such city/)
    },
  },
  {
    name: 'tool result with an image',
    run: async (cell) => {
      const { session, callId } = await callTool(cell, 'tool')
      session.results({ callId, text: 'see the map', image: PNG })
      await session.send(cell.mode)
      expect(allMedia(received(cell))).toMatchObject([{ kind: 'image', form: 'base64', value: PNG }])
      expect(JSON.stringify(received(cell).turns)).toContain('see the map')
    },
  },
  {
    name: 'history from another model',
    run: async (cell) => {
      const session = open(cell, { tools: [weather] })
      session.user(opening(cell, '[scene:tool]'))
      session.recall([
        { id: `call_elsewhere_${cell.word}`, name: 'get_weather', arguments: { location: 'Paris' } },
      ])
      session.results({ callId: `call_elsewhere_${cell.word}`, text: 'rain' })
      expect((await session.send(cell.mode)).text).toStartWith('result: rain')
    },
  },
  {
    name: 'thinking',
    run: async (cell) => {
      const { session, seen, callId } = await callTool(cell, 'thinking-tool', 'budget')
      expect(received(cell).thinking).toBe(true)
      expect(seen.thinking).toBe(cell.column.showsThinking ? THINKING_TEXT : '')
      session.results({ callId, text: '21 °C' })
      expect((await session.send(cell.mode)).text).toBe(`result: 21 °C\nstate: ${cell.column.state}`)
    },
  },
  {
    name: 'structured output',
    run: async (cell) => {
      const seen = await ask(cell, '[scene:structured]', { schema: answerSchema })
      expect(JSON.parse(seen.text)).toEqual({ city: SAMPLE_TEXT, degrees: 7 })
      expect(seen.finish).toBe(finish(cell, 'stop'))
    },
  },
  {
    name: 'refusal',
    run: async (cell) => {
      const seen = await ask(cell, '[scene:refusal]')
      if (cell.client.name === 'anthropic') expect(seen.finish).toBe('refusal')
      else expect(seen.finish === 'content_filter' || seen.refusal === REFUSAL_TEXT).toBe(true)
      if (cell.column.explainsRefusals) expect([seen.refusal, seen.text]).toContain(REFUSAL_TEXT)
    },
  },
  {
    name: 'length limit',
    run: async (cell) => {
      const seen = await ask(cell, '[scene:length]', { maxTokens: 20 })
      expect(seen.finish).toBe(finish(cell, 'length'))
      expect(seen.text).toBe(LENGTH_TEXT.slice(0, 80))
    },
  },
  {
    name: 'stop sequence',
    run: async (cell) => {
      const seen = await ask(cell, '[scene:stop]', { stop: ['five'] })
      expect(seen.text).toBe(STOP_TEXT.slice(0, STOP_TEXT.indexOf('five')))
      const isSaid = cell.client.name === 'anthropic' && cell.column.reportsStopSequence
      expect(seen.finish).toBe(isSaid ? 'stop_sequence' : finish(cell, 'stop'))
    },
  },
  {
    name: 'usage with cache',
    run: async (cell) => {
      const { input, output, cacheRead, cacheWrite } = USAGE_BILL
      const seen = await ask(cell, '[scene:usage]')
      expect(seen.usage).toEqual({
        input,
        output,
        cacheRead,
        cacheWrite: cell.column.reportsCacheWrites ? cacheWrite : 0,
      })
    },
  },
  {
    name: 'two answers (n = 2)',
    clients: ['openai'],
    run: async (cell) => {
      expect((await ask(cell, '[scene:text]', { candidates: 2 })).texts).toEqual([PLAIN_TEXT, PLAIN_TEXT])
    },
  },
  {
    name: 'error: bad request',
    run: async (cell) => {
      expect(await expectFailure(cell, 'error@400', 'The rig was told to answer 400.')).toBe(400)
      expect(entries(cell).length).toBe(1)
    },
  },
  {
    name: 'error: server',
    run: async (cell) => {
      const status = await expectFailure(cell, 'error@500', 'The rig was told to answer 500.')
      expect(status).toBeGreaterThanOrEqual(500)
    },
  },
  {
    name: 'error as the first event',
    run: async (cell) => {
      const status = await expectFailure(cell, 'error-first@503', 'Overloaded, says the rig.')
      expect(status).toBeGreaterThanOrEqual(500)
    },
  },
  {
    name: 'error in the stream',
    run: async (cell) => {
      await expectFailure(cell, 'error-middle', 'The rig broke down half-way.')
    },
  },
  {
    name: 'upstream breaks off',
    run: async (cell) => {
      const outcome = await ask(cell, '[scene:long@60] [fault:cut-fin@900]').catch((thrown: unknown) =>
        cell.client.describe(thrown),
      )
      expect(outcome).toHaveProperty('message')
    },
  },
]
