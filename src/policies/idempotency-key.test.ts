import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Call } from '../pipeline/call.ts'
import type { Json } from '../protocol/model/json.ts'
import { fingerprintOf } from './idempotency-key.ts'
import { callWith } from './testing.ts'

/** E2: whether two bodies ask for the same is decided by what they say, not by how they are written. */

const PAIRS = 10_000

function printOf(body: string, request: { model?: string; stream?: boolean } = {}): string {
  const parts: Partial<Call> = {
    body: Buffer.from(body),
    request: { model: 'm', stream: false, messages: [], ...request },
  }
  return fingerprintOf(callWith(parts))
}

/** The same value as somebody else would write it: members in another order, other spaces, escapes and numerals. */
function rewritten(value: Json, next: () => number): string {
  const space = (): string => [' ', '\n', '\t', '\r\n', '', ''][Math.floor(next() * 6)] ?? ''
  const write = (inner: Json | undefined): string => space() + rewritten(inner ?? null, next) + space()
  if (typeof value === 'string') return escaped(value, next)
  if (typeof value === 'number') return numeral(value, next)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(write).join(',') || space()}]`
  const members = Object.entries(value).map(
    ([name, inner]) => `${space()}${escaped(name, next)}${space()}:${write(inner)}`,
  )
  members.sort(() => next() - 0.5)
  return `{${members.join(',') || space()}}`
}

function escaped(text: string, next: () => number): string {
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at))
  if (next() < 0.5) return JSON.stringify(text)
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`
}

function numeral(value: number, next: () => number): string {
  const plain = JSON.stringify(value)
  if (/e/.test(plain)) return next() < 0.5 ? plain : plain.replace('e', 'E').replace('E+', 'E+0')
  const dotted = plain.includes('.') ? `${plain}00` : `${plain}.0`
  return [plain, dotted, `${plain}e0`, `${dotted}E+00`][Math.floor(next() * 4)] ?? plain
}

/** One small change somewhere; never the same value. */
function changed(value: Json, next: () => number): Json {
  if (Array.isArray(value) && value.length > 0 && next() < 0.7) {
    const at = Math.floor(next() * value.length)
    return value.map((inner, index) => (index === at ? changed(inner, next) : inner))
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const names = Object.keys(value)
    const name = names[Math.floor(next() * names.length)]
    if (name !== undefined && next() < 0.7)
      return withMember(value, name, changed((value[name] ?? null) as Json, next))
    let fresh = 'added'
    while (fresh in value) fresh += '_'
    return withMember(value, fresh, null)
  }
  if (typeof value === 'string') return `${value}.`
  if (typeof value === 'boolean') return !value
  if (Array.isArray(value)) return [...value, null]
  return typeof value === 'number' ? String(value) : 0
}

/** Uniform in [0, 1), the same for the same seed. */
function generator(seed: number): () => number {
  let state = seed + 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** `__proto__` stays a member like any other. */
function withMember(object: object, name: string, value: Json): Json {
  return Object.fromEntries([...Object.entries(object), [name, value]]) as Json
}

test(`E2: ${PAIRS} pairs of equal and unequal bodies`, () => {
  let wrong = 0
  let n = 0
  const body = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), {
    maxKeys: 6,
  })
  fc.assert(
    fc.property(body, fc.nat(), fc.boolean(), (value, seed, equal) => {
      const next = generator(seed)
      const json = value as Json
      const other = equal ? json : changed(json, next)
      n += 1
      const same = printOf(JSON.stringify(json)) === printOf(rewritten(other, next))
      if (same !== equal) wrong += 1
    }),
    { numRuns: PAIRS, seed: 20_261_121 },
  )
  console.info(`E2: n=${n}, wrong_verdicts=${wrong}, seed=20261121`)
  expect(wrong).toBe(0)
}, 60_000)

test('big integers keep every digit', () => {
  const body = (seed: string): string => `{"seed":${seed}}`
  expect(printOf(body('9007199254740993'))).not.toBe(printOf(body('9007199254740992')))
  expect(printOf(body('9007199254740993'))).toBe(printOf(body('9007199254740993.0')))
})

test('model and streaming count, wherever the dialect says them', () => {
  expect(printOf('{}', { model: 'a' })).not.toBe(printOf('{}', { model: 'b' }))
  expect(printOf('{}', { stream: true })).not.toBe(printOf('{}'))
})

test('a byte order mark is no part of the body', () => {
  expect(printOf('\ufeff{"a":1}')).toBe(printOf('{"a":1}'))
})
