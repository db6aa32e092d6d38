import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { anthropicClient } from '../rig/clients/anthropic.ts'
import type { Client } from '../rig/clients/ask.ts'
import { openaiClient } from '../rig/clients/openai.ts'
import type { Fault } from '../rig/fault/fault.ts'
import { PLAIN_TEXT } from '../rig/scene/scenes.ts'
import { customFault } from './support/custom-fault.ts'
import { figure, isLong } from './support/figure.ts'
import { eventsOf, type Front, fronts, textOfStream } from './support/fronts.ts'
import { modelToml, openStage, type Stage, upstreams } from './support/stage.ts'

/** A15 heartbeats during long waits keep connections alive and break no SDK. */

const BEAT_MS = isLong ? 15_000 : 2_000
const TOLERANCE_MS = 1_000
/** Not a whole number of beats: the last one would come with the answer. */
const SILENCE_MS = isLong ? 97_500 : 6_900

let stage: Stage
beforeAll(async () => {
  const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
  stage = await openStage({ toml: `[server]\nkeep_alive_ms = ${BEAT_MS}\n${models.join('')}` })
})
afterAll(() => stage.close())

const silences: readonly { name: string; fault: Fault }[] = [
  { name: 'before the headers', fault: { stalls: [{ at: 0, of: 'wire', ms: SILENCE_MS }] } },
  { name: 'before the first event', fault: { stalls: [{ at: 0, ms: SILENCE_MS }] } },
  { name: 'in the middle', fault: { stalls: [{ at: 1_300, ms: SILENCE_MS }] } },
]

interface Piece {
  text: string
  at: number
}

async function read(
  front: Front,
  model: string,
  content: string,
): Promise<{ status: number; pieces: Piece[]; begun: number }> {
  const begun = performance.now()
  const response = await fetch(stage.gateway.url + front.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(front.body(model, content, true)),
  })
  const pieces: Piece[] = []
  const decoder = new TextDecoder()
  for await (const bytes of response.body ?? [])
    pieces.push({ text: decoder.decode(bytes, { stream: true }), at: performance.now() })
  return { status: response.status, pieces, begun }
}

/** A comment in one dialect, an event without meaning in the other. */
const beats: Record<Front['name'], RegExp> = {
  'chat-completions': /^: ?[^\n]*\n\n$/,
  messages: /^event: ping\ndata: \{"type": ?"ping"\}\n\n$/,
}

/** The times between two signs of life during the silence. */
function intervals(front: Front, pieces: readonly Piece[], begun: number): number[] {
  const found: number[] = []
  let last = begun
  for (const { text, at } of pieces) {
    if (beats[front.name].test(text) && at - last > 200) found.push(at - last)
    last = at
  }
  return found
}

const all: number[] = []
let sdkAnswers = 0
afterAll(() => {
  const worst = Math.max(...all.map((interval) => Math.abs(interval - BEAT_MS)))
  figure('A15', {
    beats: all.length,
    interval_ms: BEAT_MS,
    worst_off_ms: Math.round(worst),
    sdk_answers: sdkAnswers,
  })
})

const sdks: readonly [string, () => Client][] = [
  ['openai', () => openaiClient({ baseUrl: `${stage.gateway.url}/v1`, apiKey: 'none' })],
  ['anthropic', () => anthropicClient({ baseUrl: stage.gateway.url, apiKey: 'none' })],
]

describe('A15: a silent upstream', () => {
  test.concurrent.each(silences)(
    '$name: clients hear something at the interval, and then the answer',
    async ({ fault }) => {
      const cells = fronts.flatMap((front) => upstreams.map(({ dialect }) => ({ front, dialect })))
      const raw = cells.map(async ({ front, dialect }) => {
        const content = `[scene:text] ${customFault(fault)}`
        const { status, pieces, begun } = await read(front, dialect, content)
        const events = eventsOf(pieces.map((piece) => piece.text).join(''))
        expect(status).toBe(200)
        expect(textOfStream(front, events)).toBe(PLAIN_TEXT)
        expect(events.some((event) => front.isEnd(event))).toBe(true)
        const found = intervals(front, pieces, begun)
        expect({ dialect, front: front.name, beats: found.length }).toEqual({
          dialect,
          front: front.name,
          beats: Math.floor(SILENCE_MS / BEAT_MS),
        })
        for (const interval of found) expect(Math.abs(interval - BEAT_MS)).toBeLessThan(TOLERANCE_MS)
        all.push(...found)
      })
      const withSdks = sdks.flatMap(([, open]) =>
        upstreams.flatMap(({ dialect }) =>
          (['iterated', 'helper'] as const).map(async (mode) => {
            const session = open().open({ model: dialect })
            session.user({ type: 'text', text: `[scene:text] ${customFault(fault)}` })
            expect((await session.send(mode)).text).toBe(PLAIN_TEXT)
            sdkAnswers += 1
          }),
        ),
      )
      await Promise.all([...raw, ...withSdks])
    },
    200_000,
  )

  test.concurrent('that fails in the end: the error comes as the stream’s last event', async () => {
    const failing = fronts.map(async (front) => {
      const fault: Fault = {
        stalls: [{ at: 0, of: 'wire', ms: BEAT_MS + 500 }],
        reply: (reply) => ({ ...reply, status: 400, parts: [], framing: 'length' }),
      }
      const content = `[scene:text] ${customFault(fault)}`
      const { pieces } = await read(front, 'chat-completions', content)
      const last = eventsOf(pieces.map((piece) => piece.text).join('')).at(-1)
      expect(last && front.isError(last)).toBe(true)
    })
    await Promise.all(failing)
  })
})
