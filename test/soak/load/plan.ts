import { type Front, fronts } from '../../promises/support/fronts.ts'
import type { Fields } from '../../rig/json.ts'
import { Chance } from './chance.ts'
import { tool, wordOf } from './scenes.ts'

/**
 * `call`: an answer is wanted. `repeat`: the call before with this key once more, with its `Idempotency-Key`.
 * `bad-body`, `bad-key`: to be refused. `count`: counting tokens.
 */
export type Kind = 'call' | 'repeat' | 'bad-body' | 'bad-key' | 'count'

/** One request of one client, and what must come of it. */
export interface Plan {
  serial: number
  /** In the prompt and in the answer. */
  word: string
  /** The `x-request-id`: the word, and another one for a repetition. */
  requestId: string
  kind: Kind
  front: Front
  stream: boolean
  model: string
  /** Which of the keys. */
  key: number
  scene: 'soak-text' | 'soak-thinking' | 'soak-tool'
  pieces: number
  body: Fields
  headers: Record<string, string>
  /** Over a connection of its own, byte by byte, or through a pool of connections. */
  raw: boolean
  /** The client leaves: after a share of what it may expect, or after so many milliseconds. */
  leaves?: { share: number; how: 'fin' | 'rst' } | { afterMs: number }
}

export const models = ['chat', 'claude', 'gemini', 'spread', 'single'] as const

const kinds = { call: 950, repeat: 0, 'bad-body': 15, 'bad-key': 5, count: 10 } as const
const scenes = { 'soak-text': 75, 'soak-thinking': 10, 'soak-tool': 15 } as const
const lengths = { short: 60, middle: 35, long: 5 } as const
const prompts = { small: 84, middle: 13, large: 2.7, huge: 0.3 } as const
const characters = {
  small: [20, 2_000],
  middle: [2_000, 40_000],
  large: [40_000, 250_000],
  huge: [500_000, 1_500_000],
} as const
const piecesOf = { short: [1, 12], middle: [13, 120], long: [121, 900] } as const

/** Share of the whole answers that carry an `Idempotency-Key`, and are asked for once more. */
const KEYED = 0.08

export interface PlanOptions {
  seed: number
  keys: number
  /** Share of clients that leave. */
  leaving: number
  /**
   * Until this request some answers think. What they thought is kept for a day, as it should be: in later ones it would
   * be a slope of the memory.
   */
  thinkingUntil: number
}

/** The request with this number: the same in every run with this seed. */
export function planOf(serial: number, { seed, keys, leaving, thinkingUntil }: PlanOptions): Plan {
  const chance = new Chance(Math.imul(seed ^ serial, 0x9e3779b1) + serial)
  const word = wordOf(serial)
  const kind = chance.weighted(kinds)
  const front = chance.of(fronts)
  const stream = chance.is(0.65)
  const drawn = chance.weighted(scenes)
  const scene = drawn === 'soak-thinking' && serial > thinkingUntil ? 'soak-text' : drawn
  const pieces = between(chance, piecesOf[chance.weighted(lengths)])
  const model = chance.of(models)
  const session = `session-${chance.whole(1, keys * 2)}`
  const prompt = promptOf(chance, word, `[scene:${scene}@${pieces}]`)
  const plan: Plan = {
    serial,
    word,
    requestId: word,
    kind,
    front,
    stream: stream && kind !== 'count',
    model,
    key: chance.whole(0, keys - 1),
    scene,
    pieces,
    body: bodyOf(front, model, stream, prompt, scene, session),
    headers: {},
    raw: chance.is(0.5),
  }
  if (kind === 'bad-body') plan.body = { ...plan.body, messages: `none, says ${word}` }
  if (kind === 'call' && !stream && chance.is(KEYED)) plan.headers['idempotency-key'] = `soak-${seed}-${word}`
  else if (kind === 'call' && chance.is(leaving))
    plan.leaves = chance.is(0.8)
      ? { share: chance.next(), how: chance.is(0.7) ? 'rst' : 'fin' }
      : { afterMs: chance.whole(1, 200) }
  if (plan.leaves !== undefined) plan.raw = 'share' in plan.leaves
  return plan
}

function between(chance: Chance, [least, most]: readonly [number, number]): number {
  return chance.whole(least, most)
}

/** The same call once more, as a client makes it that did not hear the answer. */
export function repetitionOf(plan: Plan): Plan {
  return { ...plan, kind: 'repeat', requestId: `${plan.word}-again` }
}

/** A conversation: what was said before bears no mark. */
function promptOf(chance: Chance, word: string, marks: string): { before: string[]; last: string } {
  const length = between(chance, characters[chance.weighted(prompts)])
  const filler = 'Every word of this was said before. '.repeat(Math.ceil(length / 36))
  const turns = chance.is(0.4) ? chance.whole(1, 3) : 0
  const before = Array.from({ length: turns * 2 }, (_, index) => `turn ${index}`)
  return { before, last: `${marks} ${word} ${filler}` }
}

function bodyOf(
  front: Front,
  model: string,
  stream: boolean,
  { before, last }: { before: string[]; last: string },
  scene: Plan['scene'],
  session: string,
): Fields {
  const body = front.body(model, last, stream)
  const earlier = before.map((content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content }))
  body['messages'] = [...earlier, { role: 'user', content: last }]
  if (front.name === 'messages') {
    body['max_tokens'] = 32_000
    body['metadata'] = { user_id: session }
  } else {
    body['user'] = session
    if (stream) body['stream_options'] = { include_usage: true }
  }
  if (scene === 'soak-tool') body['tools'] = [toolFor(front)]
  return body
}

function toolFor(front: Front): Fields {
  const { name, description, parameters } = tool
  return front.name === 'messages'
    ? { name, description, input_schema: parameters }
    : { type: 'function', function: { name, description, parameters } }
}
