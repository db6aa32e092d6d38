import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../protocol/model/error.ts'
import { type JsonLimits, jsonLimits, replaceMembers, scanJson } from './json-scan.ts'

const seed = 20261120

function scan(text: string, limits?: JsonLimits): ReturnType<typeof scanJson> {
  return scanJson(Buffer.from(text), limits)
}

function refused(text: string, limits?: JsonLimits): string | undefined {
  try {
    scan(text, limits)
    return undefined
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.details.code === 'body_too_complex') return thrown.message
    throw thrown
  }
}

/** What the spans of a body's members hold, as text. */
function members(text: string): Record<string, string> {
  const bytes = Buffer.from(text)
  const spans = scanJson(bytes)
  const found = Object.keys(JSON.parse(text)).flatMap((name) => {
    const span = spans.get(name)
    return span ? [[name, textAt(bytes, span)] as const] : []
  })
  return Object.fromEntries(found)
}

describe('where the values of the top level stand', () => {
  const cases: [string, string, Record<string, string>][] = [
    ['an empty object', '{}', {}],
    ['scalars', '{"a":1,"b":"x","c":null,"d":true}', { a: '1', b: '"x"', c: 'null', d: 'true' }],
    ['white space around', ' {\n\t"a" :\r\n 1 , "b": [ 1 ] } ', { a: '1', b: '[ 1 ]' }],
    [
      'deeper members of the same name',
      '{"a":{"model":"x"},"model":"y"}',
      { a: '{"model":"x"}', model: '"y"' },
    ],
    [
      'what looks like a member inside a string',
      '{"a":"\\",\\"model\\":\\"x\\"","b":1}',
      { a: '"\\",\\"model\\":\\"x\\""', b: '1' },
    ],
    ['an escaped key', '{"m\\u006fdel":"x"}', { model: '"x"' }],
    ['a key twice: the last one', '{"a":1,"a":2}', { a: '2' }],
    [
      'backslashes before a quote',
      '{"a":"\\\\","b":"\\\\\\"x","c":1}',
      { a: '"\\\\"', b: '"\\\\\\"x"', c: '1' },
    ],
    ['brackets and commas in strings', '{"a":"{[,:]}","b":1}', { a: '"{[,:]}"', b: '1' }],
    ['an array at the top', '[{"a":1}]', {}],
  ]
  for (const [name, text, expected] of cases)
    test(name, () => {
      expect(members(text)).toEqual(expected)
    })

  test('a long string with a quote at each of its first places', () => {
    for (let place = 0; place < 100; place += 1) {
      const value = JSON.stringify(`${'x'.repeat(place)}"\\${'y'.repeat(100 - place)}`)
      expect(members(`{"a":${value},"b":1}`)).toEqual({ a: value, b: '1' })
    }
  })
})

const key = fc.oneof(
  fc.constantFrom(
    'model',
    '__proto__',
    'constructor',
    'toString',
    '',
    'a"b',
    'a\\',
    'é',
    '键',
    '\u2028',
    '0',
    'a',
  ),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
)
const value = fc.jsonValue({ maxDepth: 4 }).map((found) => JSON.stringify(found))
const space = fc.constantFrom('', ' ', '\n', ' \t', '\r\n')
/** A string as a hostile or odd client may spell it: any character escaped. */
const spelled = fc.tuple(key, fc.boolean()).map(([name, escapes]) => ({
  name,
  text: escapes
    ? `"${Array.from({ length: name.length }, (_, at) => `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`
    : JSON.stringify(name),
}))
const member = fc.record({ key: spelled, value, before: space, between: space, after: space })
const object = fc.array(member, { maxLength: 8 }).map((list) => ({
  text: `{${list.map(({ key: { text }, value: json, before, between, after }) => `${before}${text}${between}:${between}${json}${after}`).join(',')}}`,
  names: list.map(({ key: { name } }) => name),
}))

describe('agrees with JSON.parse', () => {
  test('every span holds what JSON.parse sees, escaped, repeated and special keys included', () => {
    let n = 0
    fc.assert(
      fc.property(object, fc.array(key, { maxLength: 3 }), ({ text, names }, strangers) => {
        const parsed = JSON.parse(text) as Record<string, unknown>
        const found = Object.entries(members(text))
        const bytes = Buffer.from(text)
        const spans = scanJson(bytes)
        expect(found.length).toBe(Object.keys(parsed).length)
        expect(spans.size).toBe(names.length)
        for (const name of [...strangers, ...names]) expect(spans.has(name)).toBe(Object.hasOwn(parsed, name))
        for (const [name, json] of found) {
          n += 1
          expect(JSON.parse(json)).toEqual(Object.getOwnPropertyDescriptor(parsed, name)?.value)
        }
      }),
      { numRuns: 4_000, seed },
    )
    console.info(`J6 spans: n=${n}`)
    expect(n).toBeGreaterThan(8_000)
  })

  test('replacing members changes nothing else and gives valid JSON', () => {
    let n = 0
    fc.assert(
      fc.property(object, fc.dictionary(key, value, { maxKeys: 3 }), ({ text }, wanted) => {
        const body = Buffer.from(text)
        const spans = scanJson(body)
        const replacements = new Map(Object.entries(wanted))
        const changed = replaceMembers(body, spans, replacements)
        const after = JSON.parse(Buffer.from(changed).toString()) as Record<string, unknown>
        const before = JSON.parse(text) as Record<string, unknown>
        for (const [name, json] of replacements) {
          n += 1
          expect(Object.getOwnPropertyDescriptor(after, name)?.value).toEqual(JSON.parse(json))
        }
        for (const name of Object.keys(before).filter((one) => !replacements.has(one)))
          expect(Object.getOwnPropertyDescriptor(after, name)).toEqual(
            Object.getOwnPropertyDescriptor(before, name),
          )
        // Put back, it is the same body to the byte, where nothing had to be added or stood twice.
        const isPlain = [...replacements.keys()].every(
          (name) => spans.get(name)?.earlier === undefined && spans.has(name),
        )
        if (!isPlain) return
        const old = new Map([...replacements.keys()].map((name) => [name, textAt(body, spans.get(name))]))
        const again = replaceMembers(changed, scanJson(changed), old)
        expect(Buffer.compare(again, body)).toBe(0)
      }),
      { numRuns: 4_000, seed },
    )
    console.info(`J6 replacements: n=${n}`)
    expect(n).toBeGreaterThan(3_000)
  })
})

function textAt(body: Buffer, span: { start: number; end: number } | undefined): string {
  return span ? body.toString('utf8', span.start, span.end) : ''
}

describe('replacing', () => {
  const cases: [string, string, Record<string, string>, string][] = [
    ['one member', '{ "model" : "a", "n":1 }', { model: '"b"' }, '{ "model" : "b", "n":1 }'],
    [
      'a shorter and a longer one',
      '{"a":"xxxx","b":1,"c":2}',
      { a: '0', c: '[1,2]' },
      '{"a":0,"b":1,"c":[1,2]}',
    ],
    ['added when absent', '{"a":1}', { b: '2', c: '3' }, '{"a":1,"b":2,"c":3}'],
    ['added to an empty object', ' { } ', { b: '2' }, ' { "b":2} '],
    [
      'a key that stands twice: all of them',
      '{"model":"x","a":1,"model":"y"}',
      { model: '"z"' },
      '{"model":"z","a":1,"model":"z"}',
    ],
    ['three times', '{"m":1,"m":2,"m":3}', { m: '0' }, '{"m":0,"m":0,"m":0}'],
    [
      'characters of several bytes',
      '{"键":"北京","model":"é"}',
      { model: '"ü"' },
      '{"键":"北京","model":"ü"}',
    ],
    ['nothing', '{"a":1}', {}, '{"a":1}'],
  ]
  for (const [name, text, wanted, expected] of cases)
    test(name, () => {
      const body = Buffer.from(text)
      const changed = replaceMembers(body, scanJson(body), new Map(Object.entries(wanted)))
      expect(Buffer.from(changed).toString()).toBe(expected)
      expect(body.toString()).toBe(text)
    })

  test('a view into a larger buffer', () => {
    const whole = Buffer.from('garbage{"a":1}garbage')
    const body = new Uint8Array(whole.buffer, whole.byteOffset + 7, 7)
    expect(Buffer.from(replaceMembers(body, scanJson(body), new Map([['a', '2']]))).toString()).toBe(
      '{"a":2}',
    )
  })
})

/** The verdict by parsing and walking. */
function oracle(text: string, limits: JsonLimits): boolean {
  let values = 0
  const walk = (found: unknown, depth: number): boolean => {
    if (typeof found !== 'object' || found === null) return false
    const children = Object.values(found)
    values += Math.max(0, children.length - 1)
    const most = Array.isArray(found) ? limits.items : limits.keys
    if (depth > limits.depth || children.length > most) return true
    return children.map((child) => walk(child, depth + 1)).includes(true)
  }
  return walk(JSON.parse(text), 1) || values > limits.values
}

describe('promise J6: shapes that hurt are refused before parsing', () => {
  test('the verdict is that of a slow oracle', () => {
    const limits: JsonLimits = { depth: 4, keys: 3, items: 4, values: 12 }
    let n = 0
    let no = 0
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), space, (found, white) => {
        const text = white + JSON.stringify(found, undefined, white.length) + white
        const expected = oracle(text, limits)
        n += 1
        if (expected) no += 1
        expect(refused(text, limits) !== undefined).toBe(expected)
      }),
      { numRuns: 10_000, seed },
    )
    console.info(`J6 verdicts: n=${n}, refused ${no}`)
    expect(no).toBeGreaterThan(500)
    expect(n - no).toBeGreaterThan(500)
  })

  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  const wide = (keys: number): string =>
    `{${Array.from({ length: keys }, (_, at) => `"k${at}":0`).join(',')}}`
  const long = (items: number): string => `[${Array.from({ length: items }, () => 0).join(',')}]`
  const edges: [string, string, string | undefined][] = [
    ['depth 64', nested(64), undefined],
    ['depth 65', nested(65), 'more than 64 levels of nesting'],
    ['10,000 keys', wide(10_000), undefined],
    ['10,001 keys', wide(10_001), 'an object with more than 10000 members'],
    ['20,000 items', long(20_000), undefined],
    ['20,001 items', long(20_001), 'an array with more than 20000 items'],
    [
      'many values in small arrays',
      `[${Array.from({ length: 15_000 }, () => `${long(30)}`).join(',')}]`,
      'more than 400000 values',
    ],
  ]
  for (const [name, text, expected] of edges)
    test(name, () => {
      expect(refused(text)).toBe(expected === undefined ? undefined : `The request body has ${expected}`)
    })
})

const MEGABYTE = 1_000_000

/** Every shape, filled to the size. */
const shapes: Readonly<Record<string, (bytes: number) => string>> = {
  'deep arrays': (bytes) => '['.repeat(bytes),
  'deep objects': (bytes) => filled('{"a":', bytes),
  'deep pieces': (bytes) => `[${filled(`${'['.repeat(60)}${']'.repeat(60)}`, bytes)}]`,
  'one wide object': (bytes) => `{${filled('"k":1,', bytes)}"z":1}`,
  'one wide object of different keys': (bytes) =>
    `{${Array.from({ length: bytes / 10 }, (_, at) => `"k${at}":1`).join(',')}}`,
  'one wide object of escaped keys': (bytes) => `{${filled('"\\u006b":1,', bytes)}"z":1}`,
  'many small objects': (bytes) => `[${filled('{"a":1,"b":"x"} ', bytes)}]`,
  'a long array': (bytes) => `[${filled('1,', bytes)}1]`,
  'escaped quotes': (bytes) => `{"a":"${filled('\\"', bytes)}"}`,
  backslashes: (bytes) => `{"a":"${filled('\\\\', bytes)}"}`,
  'runs of backslashes before quotes': (bytes) => `{"a":"${filled(`${'\\'.repeat(999)}"`, bytes)}"}`,
  'an unclosed string': (bytes) => `{"a":"${filled('x', bytes)}`,
  'an unclosed string of escapes': (bytes) => `{"a":"${filled('\\"', bytes)}`,
  'empty strings': (bytes) => `{"a":${filled('""', bytes)}}`,
  'one long string': (bytes) => `{"a":"${filled('x', bytes)}"}`,
  'one long number': (bytes) => `{"a":${filled('7', bytes)}}`,
  'colons behind a long broken key': (bytes) => `{"${filled('x', bytes / 2)}\\x"${filled(':', bytes / 2)}`,
  'colons behind commas and a long key': (bytes) =>
    `{"${filled('x', bytes / 2)}":1${filled(',:1', bytes / 2)}`,
  'one key again and again': (bytes) =>
    `{${filled('"a":1,', Math.min(bytes, 59_000))}"a":1,"b":"${filled('x', bytes)}"}`,
  closings: (bytes) => filled('}', bytes),
  'white space': (bytes) => `${filled(' ', bytes)}{}`,
  commas: (bytes) => `{"a":${filled(',', bytes)}}`,
}

function filled(piece: string, bytes: number): string {
  return piece.repeat(Math.ceil(bytes / piece.length))
}

function median(numbers: number[]): number {
  return numbers.sort((one, other) => one - other)[numbers.length >> 1] ?? 0
}

function scanned(body: Buffer): number {
  const startedAt = performance.now()
  try {
    scanJson(body)
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
  }
  return performance.now() - startedAt
}

/** Milliseconds a megabyte; the median of several scans, after some that only compile. */
function cost(body: Buffer): number {
  for (let times = 0; times < 3; times += 1) scanned(body)
  const times = Array.from({ length: 9 }, () => scanned(body))
  return (median(times) * MEGABYTE) / body.length
}

describe('promise J6: at most 10 ms a megabyte', () => {
  const LIMIT = 10
  for (const [name, build] of Object.entries(shapes))
    test(name, () => {
      const costs = [0.1, 1, 10].map((megabytes) => cost(Buffer.from(build(megabytes * MEGABYTE))))
      console.info(`J6 ${name}: ${costs.map((one) => one.toFixed(2)).join(' / ')} ms/MB at 0.1 / 1 / 10 MB`)
      for (const one of costs) expect(one).toBeLessThan(LIMIT)
      // Linear: ten times the body does not cost more a megabyte, noise aside.
      expect(costs[2] ?? 0).toBeLessThan(Math.max(5, 4 * (costs[1] ?? 0)))
    })

  test(`limits stand as promised: ${JSON.stringify(jsonLimits)}`, () => {
    expect(jsonLimits).toMatchObject({ depth: 64, keys: 10_000, items: 20_000 })
  })
})
