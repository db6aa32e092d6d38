import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Fault } from '../rig/fault/fault.ts'
import { namedFault } from '../rig/fault/faults.ts'
import { joined } from '../rig/http/reply.ts'
import { UNICODE_TEXT } from '../rig/scene/scenes.ts'
import { swarm } from '../rig/swarm.ts'
import { customFault } from './support/custom-fault.ts'
import { figure, size } from './support/figure.ts'
import { type Front, fronts, textOfStream, type WireEvent } from './support/fronts.ts'
import { ask, modelToml, openStage, type Stage, upstreams } from './support/stage.ts'

/**
 * A4 an answer is the same however its bytes were split on the way; A5 where both sides speak one dialect the bytes
 * themselves pass. The framing machine alone is tested byte by byte beside its code; here whole connections are.
 */

let stage: Stage
beforeAll(async () => {
  const models = upstreams.flatMap(({ dialect, provider, model }) => [
    modelToml(dialect, { provider, model }),
    modelToml(model, { provider, model }),
  ])
  stage = await openStage({ toml: models.join('') })
})
afterAll(() => stage.close())

const tools: Record<Front['name'], unknown> = {
  'chat-completions': [
    {
      type: 'function',
      function: {
        name: 'get_weather',
        parameters: { type: 'object', properties: { location: { type: 'string' } } },
      },
    },
  ],
  messages: [
    {
      name: 'get_weather',
      input_schema: { type: 'object', properties: { location: { type: 'string' } } },
    },
  ],
}
const scenes = ['unicode', 'parallel-tools', 'thinking-tool', 'long@12'] as const

function play(front: Front, model: string, scene: string, marks: string) {
  const content = `[scene:${scene}] ${marks}`
  return ask(stage.gateway.url, front, { model, content, stream: true, more: { tools: tools[front.name] } })
}

/** Events without what is another in every answer: ids, seals, times. */
function comparable(events: readonly WireEvent[]): WireEvent[] {
  return events.map((event) => ({
    ...event,
    data: event.data.replaceAll(
      /"(id|created|responseId|signature|thoughtSignature|request_id|data)":("[^"]*"|\d+)/g,
      '"$1":"…"',
    ),
  }))
}

/** Faults one after another: each sees what the one before it made. */
function together(...all: readonly Fault[]): Fault {
  const eventsOf = all.flatMap((fault) => (fault.events ? [fault.events] : []))
  return {
    ...Object.assign({}, ...all),
    ...(eventsOf.length > 0
      ? { events: (events) => eventsOf.reduce((now, change) => change(now), [...events]) }
      : {}),
  }
}

const framings = ['crlf', 'cr', 'no-space', 'comments', 'other-fields', 'bom', 'no-final-blank-line'] as const
const FRAMED = size(2, 40)
const RANDOM = size(200, 4_000)

function plans(): { name: string; fault: Fault }[] {
  const found: { name: string; fault: Fault }[] = [{ name: 'one-byte writes', fault: { split: 'bytes' } }]
  for (let seed = 1; seed <= RANDOM; seed += 1)
    found.push({ name: `random splits ${seed}`, fault: { split: { seed, most: 1 + seed * 3 } } })
  for (const framing of framings)
    for (let seed = 1; seed <= FRAMED; seed += 1) {
      const split: Fault = seed === 1 ? {} : { split: { seed, most: 30 } }
      found.push({
        name: `${framing}, splits ${seed}`,
        fault: together(namedFault(framing, undefined), split),
      })
    }
  return found
}

let splitCases = 0
let sameCases = 0
let exactCases = 0
let exact = 0
afterAll(() => {
  figure('A4', { n: splitCases, corrupted: splitCases - sameCases })
  figure('A5', { n: exactCases, mismatches: exactCases - exact })
})

for (const front of fronts)
  for (const { dialect } of upstreams)
    test(`A4: ${front.name} client, ${dialect} upstream: the same answer for every split`, async () => {
      for (const scene of scenes) {
        const unsplit = await play(front, dialect, scene, customFault({}))
        expect(unsplit.status).toBe(200)
        expect(unsplit.events.some((event) => front.isEnd(event))).toBe(true)
        const wanted = comparable(unsplit.events)
        const all = plans()
        await swarm(all.length, 8, async (index) => {
          const plan = all[index]
          splitCases += 1
          const seen = await play(front, dialect, scene, customFault(plan?.fault ?? {}))
          expect({ plan: plan?.name, events: comparable(seen.events) }).toEqual({
            plan: plan?.name,
            events: wanted,
          })
          sameCases += 1
        })
      }
    })

test('A4: text in many scripts arrives whole, without a replacement character', async () => {
  for (const front of fronts)
    for (const { dialect } of upstreams) {
      const seen = await play(front, dialect, 'unicode', '[fault:one-byte-writes]')
      expect(textOfStream(front, seen.events)).toBe(UNICODE_TEXT)
    }
})

/** The rig's events, with the two halves of a rocket, escaped, at the end of one text and the start of the next. */
const halves: Fault = {
  events: (events) => {
    const first = events.findIndex((event) => event.text.includes('第0'))
    return events.map((event, index) => {
      if (index === first)
        return { ...event, text: event.text.replace(/("(?:content|text)":"[^"]*第0[^"]*)"/, '$1\\ud83d"') }
      if (index === first + 1)
        return { ...event, text: event.text.replace(/("(?:content|text)":")/, '$1\\ude80') }
      return event
    })
  },
}

test.each(fronts.flatMap((front) => upstreams.map(({ dialect }) => [front.name, dialect] as const)))(
  'A4: %s client, %s upstream: a character whose halves come in two events',
  async (name, dialect) => {
    const front = fronts.find((one) => one.name === name) as Front
    const seen = await play(front, dialect, 'long@12', customFault(halves))
    expect(textOfStream(front, seen.events)).toContain('\u{1f680}')
    expect(seen.text).not.toContain('\ufffd')
  },
)

/** Lets what the rig sends be compared with what the client got. */
function recorded(fault: Fault): { mark: string; body(): Uint8Array } {
  let body: Uint8Array = new Uint8Array()
  const mark = customFault({
    ...fault,
    reply: (reply) => {
      const changed = fault.reply?.(reply) ?? reply
      body = joined(changed.parts)
      return changed
    },
  })
  return { mark, body: () => body }
}

function sha256(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
}

const sameDialect = fronts.map((front) => ({
  front,
  model: upstreams.find(({ dialect }) => dialect === front.name)?.model ?? '',
}))

describe('A5: the bytes of one dialect on both sides', () => {
  const shapes = [
    'none',
    ...framings,
    'no-done',
    'trailing-garbage',
    'one-byte-writes',
    'random-splits',
  ] as const
  for (const { front, model } of sameDialect)
    for (const isStream of [true, false])
      test(`${front.name}, ${isStream ? 'streamed' : 'whole'}: pass untouched under the upstream’s own name`, async () => {
        const wanted = isStream ? shapes : (['none', 'one-byte-writes', 'random-splits'] as const)
        for (const shape of wanted)
          for (const scene of scenes) {
            exactCases += 1
            const { mark, body } = recorded(shape === 'none' ? {} : namedFault(shape, undefined))
            const seen = await ask(stage.gateway.url, front, {
              model,
              content: `[scene:${scene}] ${mark}`,
              stream: isStream,
              // Without it the gateway asks for usage by itself and takes that event out again.
              more: {
                tools: tools[front.name],
                ...(isStream && front.name === 'chat-completions'
                  ? { stream_options: { include_usage: true } }
                  : {}),
              },
            })
            expect({ shape, scene, status: seen.status }).toEqual({ shape, scene, status: 200 })
            // A last event without its blank line would not be seen by any client: it gets one.
            const sent = Buffer.from(shape === 'no-final-blank-line' ? [...body(), 10, 10] : body())
            expect({ shape, scene, sha: sha256(seen.text) }).toEqual({ shape, scene, sha: sha256(sent) })
            exact += 1
          }
      })

  for (const { front, model } of sameDialect)
    test.each([true, false])(
      `${front.name}: under another name only the model’s value differs (stream %p)`,
      async (isStream) => {
        for (const scene of scenes) {
          const { mark, body } = recorded({})
          const seen = await ask(stage.gateway.url, front, {
            model: front.name,
            content: `[scene:${scene}] ${mark}`,
            stream: isStream,
            more: {
              tools: tools[front.name],
              ...(front.name === 'messages'
                ? {}
                : isStream
                  ? { stream_options: { include_usage: true } }
                  : {}),
            },
          })
          const wanted = new TextDecoder()
            .decode(body())
            .replaceAll(`"model":"${model}"`, `"model":"${front.name}"`)
          exactCases += 1
          expect(seen.text).toBe(wanted)
          exact += 1
        }
      },
    )
})
