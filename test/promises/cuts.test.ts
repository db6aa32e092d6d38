import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { anthropicClient } from '../rig/clients/anthropic.ts'
import type { Client } from '../rig/clients/ask.ts'
import { openaiClient } from '../rig/clients/openai.ts'
import { swarm } from '../rig/swarm.ts'
import { type Cut, cutMark, sentOf } from './support/cut-cases.ts'
import { figure, isLong } from './support/figure.ts'
import { eventsOf, type Front, fronts, textOfStream } from './support/fronts.ts'
import { ask, modelToml, openStage, type Seen, type Stage, upstreams } from './support/stage.ts'

/**
 * A1 a stream that did not finish upstream is never presented as finished; A2 its end is an error in the client's
 * dialect; A3 nothing is invented. An upstream's stream is cut at every byte, by FIN and by RST, chunked and with a
 * content length.
 */

let stage: Stage
beforeAll(async () => {
  const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
  // One attempt each: what is measured is the end of that attempt.
  stage = await openStage({ toml: `[retry]\nmax_retries = 0\n${models.join('')}` })
})
afterAll(() => stage.close())

/** With every commit one byte in so many, at another phase for each way to cut. */
const STRIDE = isLong ? 1 : 11
/** So many sentences that each dialect's stream has a little more than 60 events. */
const SENTENCES: Record<string, number> = { 'chat-completions': 40, messages: 37, 'generate-content': 66 }
const EVENTS = 60

function scene(dialect: string): string {
  return `[scene:long@${SENTENCES[dialect]}]`
}

/** Words in an upstream's bytes that only stand in its own last events. */
const endings: Record<string, { finish: RegExp; end: RegExp }> = {
  'chat-completions': { finish: /"finish_reason":"/, end: /data: \[DONE\]/ },
  messages: { finish: /"stop_reason":"/, end: /data: \{"type":"message_stop"\}/ },
  'generate-content': { finish: /"finishReason":"/, end: /"finishReason":".*\}\s*$/ },
}

interface Verdict {
  falseCompletion?: boolean
  unreadableEnd?: string
  invention?: string
}

/**
 * Compatible servers leave `[DONE]` out (protocol.md §1.5): where the end of the connection is the end of the body,
 * a finish reason is an end too.
 */
function mayEndWithoutDone(dialect: string, cut: Cut, sent: string): boolean {
  return dialect === 'chat-completions' && cut.framing === 'close' && /"finish_reason":"\w+"\}\]\}/.test(sent)
}

/** What is wrong with an answer to a stream that was cut so. */
function judge(front: Front, dialect: string, cut: Cut, seen: Seen, whole: string): Verdict {
  const sent = sentOf(cut)
  const { finish, end } = endings[dialect] ?? endings['messages'] ?? {}
  if (seen.status !== 200) {
    const fault = seen.status === 500 ? 'status 500' : front.errorFault(seen.json)
    return fault === undefined
      ? {}
      : { unreadableEnd: `${seen.status}: ${fault}: ${seen.text.slice(0, 200)}` }
  }
  const { events } = seen
  const last = events.at(-1)
  const completed = events.some((event) => front.isEnd(event))
  const verdict: Verdict = {}
  const isWhole = end?.test(sent) || mayEndWithoutDone(dialect, cut, sent)
  if (completed && !isWhole) verdict.falseCompletion = true
  const failed = last !== undefined && front.isError(last)
  if (seen.broken) verdict.unreadableEnd = 'the connection broke'
  else if (!completed && !failed && !isWhole) verdict.unreadableEnd = `ends with ${JSON.stringify(last)}`
  else if (events.filter((event) => front.isError(event)).length > 1) verdict.unreadableEnd = 'two errors'
  if (events.some((event) => front.claimsFinish(event)) && !finish?.test(sent))
    verdict.invention = 'a finish or usage'
  else if (!whole.startsWith(textOfStream(front, events))) verdict.invention = 'text'
  return verdict
}

async function cutAt(front: Front, dialect: string, cut: Cut): Promise<Seen> {
  const content = `${scene(dialect)} ${cutMark(cut)}`
  return ask(stage.gateway.url, front, { model: dialect, content, stream: true })
}

/** A body framed by the connection's end shows no cut by FIN at all: only the protocol's own end tells. */
const ways = [
  { how: 'fin', framing: 'chunked' },
  { how: 'fin', framing: 'length' },
  { how: 'fin', framing: 'close' },
  { how: 'rst', framing: 'chunked' },
  { how: 'rst', framing: 'length' },
] as const

/** The cuts of one way; `phase` (0 to 9) shifts them, so that ten ways together hit ten times as many bytes. */
function everyByte(way: Pick<Cut, 'how' | 'framing'>, length: number, phase: number): Cut[] {
  const first = Math.floor((phase * STRIDE) / 10)
  return Array.from({ length: Math.ceil((length - first) / STRIDE) }, (_, index) => ({
    ...way,
    at: first + index * STRIDE,
  }))
}

const SDK_CUTS = isLong ? 100 : 12
const sdks = {
  'chat-completions': (url: string): Client => openaiClient({ baseUrl: `${url}/v1`, apiKey: 'none' }),
  messages: (url: string): Client => anthropicClient({ baseUrl: url, apiKey: 'none' }),
}

const totals = { n: 0, sdk: 0, falseCompletions: 0, afterFirstByte: 0, errors: 0, inventions: 0 }

for (const front of fronts)
  for (const { dialect } of upstreams)
    describe(`${front.name} client, ${dialect} upstream`, () => {
      test('every cut ends in an error of the client’s dialect, and nothing is invented', async () => {
        const probe: Cut = { at: Number.MAX_SAFE_INTEGER, how: 'fin', framing: 'chunked' }
        const uncut = await cutAt(front, dialect, probe)
        const whole = textOfStream(front, uncut.events)
        expect(whole).toStartWith('第0 piece. ')
        const length = probe.body?.length ?? 0
        const count = eventsOf(new TextDecoder().decode(probe.body)).length
        expect([dialect, count, count >= EVENTS && count < EVENTS + 10]).toEqual([dialect, count, true])
        // The judge would see a stream that ends well after half of its bytes.
        expect(judge(front, dialect, { ...probe, at: length >> 1 }, uncut, whole)).toEqual({
          falseCompletion: true,
          invention: 'a finish or usage',
        })
        const cases = ways.flatMap((way, index) => everyByte(way, length, fronts.indexOf(front) * 5 + index))
        const wrong: unknown[] = []
        await swarm(cases.length, 24, async (index) => {
          const cut = cases[index] as Cut
          const seen = await cutAt(front, dialect, cut)
          const verdict = judge(front, dialect, cut, seen, whole)
          totals.n += 1
          if (seen.status === 200) totals.afterFirstByte += 1
          if (seen.status === 200 && verdict.unreadableEnd === undefined) totals.errors += 1
          if (verdict.falseCompletion) totals.falseCompletions += 1
          if (verdict.invention !== undefined) totals.inventions += 1
          if (Object.keys(verdict).length > 0)
            wrong.push({
              at: `${cut.at} of ${cut.body?.length}`,
              how: cut.how,
              framing: cut.framing,
              ...verdict,
            })
          // Half a million of them would fill the memory.
          delete cut.body
        })
        expect(wrong.slice(0, 5)).toEqual([])
        expect(wrong.length).toBe(0)
      }, 900_000)

      test.each(['iterated', 'helper'] as const)(
        'the SDK throws, it does not return half an answer (%s)',
        async (mode) => {
          const client = sdks[front.name](stage.gateway.url)
          const returned: number[] = []
          await swarm(SDK_CUTS, 4, async (index) => {
            const at = 1_500 + index * 53
            const session = client.open({ model: dialect })
            session.user({
              type: 'text',
              text: `${scene(dialect)} ${cutMark({ at, how: 'fin', framing: 'chunked' })}`,
            })
            const ended = await session.send(mode).catch((thrown: unknown) => client.describe(thrown))
            if (!('name' in ended)) returned.push(at)
            else expect(ended.message).toMatch(/upstream|terminated|ended/i)
            totals.sdk += 1
          })
          expect(returned).toEqual([])
        },
      )
    })

const CUTS = 40_000

test(`A1: at least ${CUTS} cuts`, () => {
  expect(totals.n).toBeGreaterThanOrEqual(CUTS)
})

afterAll(() => {
  figure('A1', { n: totals.n, with_sdks: totals.sdk, false_completions: totals.falseCompletions })
  figure('A2', { n: totals.afterFirstByte, readable_ends: totals.errors })
  figure('A3', { n: totals.n, inventions: totals.inventions })
})
