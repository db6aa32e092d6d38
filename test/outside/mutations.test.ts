import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { isObject, type Json, type JsonObject, parseJson } from '../../src/protocol/model/json.ts'
import { haveRecordings, type Recording, recordings } from '../recordings/load.ts'
import { hear } from './hear.ts'
import { openStage, type Stage } from './stage.ts'

/**
 * Recorded requests and answers with a few values replaced by others, anywhere: the gateway answers or refuses, but
 * never fails by itself, and a stream keeps its grammar whatever the upstream sent. Seeds are fixed.
 */

const ROUNDS = 1_200
const LARGEST = 20_000

const strange: readonly Json[] = [
  null,
  0,
  -1,
  1.5,
  1e308,
  '',
  'x',
  '\ud800',
  true,
  false,
  [],
  {},
  [[]],
  [null],
  { type: 'text' },
  { type: null },
  '{"a":',
  { constructor: 1 },
  'data:image/png;base64,!!!',
]

/** The same sequence for the same seed (a linear congruential generator). */
class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * limit)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
}

interface Place {
  parent: Json[] | JsonObject
  key: string
}

function placesIn(value: Json | undefined, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return found
  for (const [key, inner] of Object.entries(value)) {
    found.push({ parent: value, key })
    placesIn(inner, found)
  }
  return found
}

function mutated(body: JsonObject, chance: Chance): JsonObject {
  const changed = structuredClone(body)
  for (let left = 1 + chance.below(3); left > 0; left -= 1) {
    const places = placesIn(changed)
    if (places.length === 0) return changed
    const { parent, key } = chance.pick(places)
    if (chance.below(7) === 0 && !Array.isArray(parent)) delete parent[key]
    else Object.assign(parent, { [key]: structuredClone(chance.pick(strange)) })
  }
  return changed
}

/** One event of a recorded stream, changed. */
function mutatedStream(text: string, chance: Chance): string {
  const events = text.split(/\r?\n\r?\n/)
  const at = chance.below(events.length)
  events[at] = (events[at] ?? '').replace(/^data:(.*)$/m, (line, data: string) => {
    const parsed = parseJson(data)
    return isObject(parsed) ? `data: ${JSON.stringify(mutated(parsed, chance))}` : line
  })
  return events.join('\n\n')
}

const models = [
  'openai/gpt-5',
  'anthropic/claude-sonnet-4-5',
  'anthropic/claude-opus-5-5',
  'gemini/gemini-2.5-flash',
  'gemini/gemini-3-pro-preview',
  'vertex/gemini-1.5-pro',
  'deepseek/deepseek-reasoner',
  'moonshot/kimi-k2.5',
  'mistral/mistral-large-latest',
]
const paths = ['/v1/chat/completions', '/v1/messages'] as const
const vendors = {
  'openai-chat': 'openai/gpt-4o',
  'anthropic-messages': 'anthropic/claude-sonnet-4-5',
  gemini: 'gemini/gemini-2.5-flash',
  'gemini-stream': 'gemini/gemini-2.5-flash',
} as const

const isSmall = (text: unknown): boolean => typeof text === 'string' && text.length < LARGEST

describe('changed recordings', () => {
  if (!haveRecordings()) {
    test('the folder of recorded exchanges is absent: set XJP_RECORDINGS to run this suite', () => {
      expect(haveRecordings()).toBe(false)
    })
    return
  }
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  })
  afterAll(() => stage.stop())

  test('requests are answered or refused by name', async () => {
    const chance = new Chance(77)
    const all = {
      '/v1/chat/completions': recordings('openai-chat'),
      '/v1/messages': recordings('anthropic-messages'),
    }
    const failed: unknown[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const path = chance.pick(paths)
      const body = parseJson(
        chance.pick(all[path].filter(({ request }) => isSmall(request.body))).request.body,
      )
      if (!isObject(body)) continue
      const sent = { ...mutated(body, chance), model: chance.pick(models), stream: round % 2 === 0 }
      const reply = await stage.post(path, sent)
      if (reply.status !== 200 && reply.status !== 400) failed.push([reply.status, reply.text, sent])
    }
    expect(failed).toEqual([])
  }, 60_000)

  test('answers are passed on, or told as the upstream’s fault', async () => {
    const chance = new Chance(4242)
    const all = Object.entries(vendors).flatMap(([api, model]) =>
      recordings(api as Recording['api'])
        .filter(({ response }) => response.status === 200 && isSmall(response.body))
        .map(({ response }) => ({ model, body: response.body })),
    )
    const failed: unknown[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const { model, body } = chance.pick(all)
      const whole = parseJson(body)
      const sent = isObject(whole) ? JSON.stringify(mutated(whole, chance)) : mutatedStream(body, chance)
      const type = isObject(whole) ? 'application/json' : 'text/event-stream'
      stage.mock.answer(() => new Response(sent, { headers: { 'content-type': type } }))
      // The other dialect: in its own, bytes pass as they are.
      const path = model.startsWith('openai') ? '/v1/messages' : '/v1/chat/completions'
      const messages = [{ role: 'user', content: 'hi' }]
      const reply = await stage.post(path, { model, stream: round % 2 === 0, max_tokens: 100, messages })
      const heard = readable(path, reply)
      const isOwnFault = reply.status === 500 || reply.text.includes('internal error')
      const isOver = heard?.finish !== '' || heard.error !== ''
      if (isOwnFault || heard === undefined || !isOver) failed.push([reply.status, reply.text, sent])
    }
    stage.mock.answer(undefined)
    expect(failed).toEqual([])
  }, 60_000)
})

/** What a strict client hears; undefined when the grammar is broken. Broken arguments are the model's own. */
function readable(path: string, reply: Parameters<typeof hear>[1]): ReturnType<typeof hear> | undefined {
  try {
    return hear(path, reply, (text) => parseJson(text) ?? text)
  } catch {
    return undefined
  }
}
