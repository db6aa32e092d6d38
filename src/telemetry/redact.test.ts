import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { KnownSecrets } from './known-secrets.ts'
import { keyPrefix, Redactor } from './redact.ts'

/** Planted keys, of the shapes vendors give and of none. */
const canaries = [
  'sk-proj-Zk3vQ8bTnW1xR6yUeM4hLp9sDfGjKaC2',
  'sk-ant-api03-9aQz_7Xk-LmN4vBtR2wEyUiOpHgFdSaJ-xAA',
  'AIzaSyD4kQ9vTmW7xR1yUeB6hLp3sZfGjNaC8oE',
  'gsk_Qw8eRt5yUiOp2aSdFgHjKl4zXcVbNm7',
  'f81d4fae7dec11d0a76500a0c91e6bf6',
  'canary/key+with=odd&chars"quoted"\\slashed',
  'correct-horse-battery-staple',
] as const

type Echo = (key: string) => string

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** How providers, proxies and gateways repeat a key in what they say. */
const echoes: readonly [string, Echo][] = [
  [
    'message',
    (key) =>
      `{"error":{"message":${JSON.stringify(`Incorrect API key provided: ${key}. See your account page.`)}}}`,
  ],
  ['message, beginning only', (key) => `Incorrect API key provided: ${key.slice(0, 12)}********.`],
  ['message, beginning and end', (key) => `invalid key ${key.slice(0, 9)}...${key.slice(-9)}`],
  ['message, end only', (key) => `no account for the key that ends in ${key.slice(-8)}`],
  ['message, middle only', (key) => `key mismatch near "${key.slice(6, 22)}"`],
  ['cut off', (key) => `{"error":"bad key: ${key.slice(0, 17)}`],
  [
    'query',
    (key) =>
      `POST https://api.test/v1beta/models/m:generateContent?key=${encodeURIComponent(key)}&alt=sse 400`,
  ],
  [
    'query, lower-case escapes',
    (key) =>
      `GET /v1?api_key=${encodeURIComponent(key).replace(/%../g, (code) => code.toLowerCase())} HTTP/1.1`,
  ],
  ['query, raw', (key) => `url: "https://api.test/v1?access_token=${key}"`],
  ['path', (key) => `404 for /proxy/${encodeURIComponent(key)}/chat/completions`],
  ['authorization header', (key) => `request headers: authorization: Bearer ${key}, accept: */*`],
  [
    'header in JSON',
    (key) => JSON.stringify({ headers: { Authorization: `Bearer ${key}`, 'x-api-key': key } }),
  ],
  ['JSON in JSON', (key) => JSON.stringify({ error: JSON.stringify({ api_key: key, apiKey: key }) })],
  [
    'JSON in JSON in JSON',
    (key) => JSON.stringify({ a: JSON.stringify({ b: JSON.stringify({ headers: { 'api-key': key } }) }) }),
  ],
  ['basic credentials, user only', (key) => `Authorization: Basic ${base64(`${key}:`)}`],
  ['basic credentials, password', (key) => `sent ${base64(`user:${key}`)}`],
  ['base64', (key) => `body was ${base64(key)}`],
  ['base64, second alignment', (key) => `body was ${base64(`x${key}y`)}`],
  ['base64, third alignment', (key) => `body was ${base64(`xx${key}yy`)}`],
  ['base64url', (key) => `token ${Buffer.from(key).toString('base64url')}`],
  ['base64, cut', (key) => `body was ${base64(key).slice(0, 18)}…`],
  ['hex', (key) => `dump: ${Buffer.from(key).toString('hex')}`],
  ['hex, upper case', (key) => `dump: ${Buffer.from(key).toString('hex').toUpperCase()}`],
  ['hex, cut', (key) => `dump: ${Buffer.from(key).toString('hex').slice(4, 40)}`],
  ['curl', (key) => `curl -H 'Authorization: Bearer ${key}' https://api.test/v1`],
  ['HTML', (key) => `<html><body><h1>401</h1><p>Key <b>${key}</b> is not known.</p></body></html>`],
  ['XML', (key) => `<Error><Code>InvalidKey</Code><Key>${key}</Key></Error>`],
  ['between words without spaces', (key) => `key=${key};tenant=1`],
  ['twice', (key) => `${key} is not ${key}`],
  ['stack trace', (key) => `Error: 401\n    at fetch (key: ${key})\n    at main`],
]

/**
 * Every piece of a key that would still be a leak: eight characters in any spelling, twelve where they are small
 * letters and dashes, which are public beginnings (`sk-ant-a`) and words.
 */
function leaks(key: string, text: string): string[] {
  const inBase64 = base64(key)
  const spellings = [
    key,
    encodeURIComponent(key),
    Buffer.from(key).toString('hex'),
    inBase64,
    inBase64.replaceAll('+', '-').replaceAll('/', '_'),
  ]
  const lower = text.toLowerCase()
  const pieces = spellings.flatMap((spelling) => [
    ...piecesOf(spelling, 8).filter((piece) => !isWordy(piece)),
    ...piecesOf(spelling, 12),
  ])
  return pieces.filter((piece) => lower.includes(piece.toLowerCase()))
}

function piecesOf(text: string, length: number): string[] {
  return Array.from({ length: Math.max(0, text.length - length + 1) }, (_, at) => text.slice(at, at + length))
}

function isWordy(piece: string): boolean {
  return /^[a-z_-]*$/.test(piece)
}

describe('promise M4: provider errors that echo the key', () => {
  const redactor = new Redactor()
  for (const key of canaries) redactor.learn(key)
  let n = 0
  for (const [name, echo] of echoes)
    test(name, () => {
      for (const key of canaries) {
        const clean = redactor.text(echo(key))
        expect(leaks(key, clean)).toEqual([])
        n += 1
      }
    })

  test('enough of them were tried, and the texts did hold the keys', () => {
    const before = echoes.flatMap(([, echo]) => canaries.map((key) => leaks(key, echo(key)).length > 0))
    console.info(`M4: n=${n} texts, of which ${before.filter((leaked) => leaked).length} leaked before`)
    expect(n).toBeGreaterThanOrEqual(60)
    expect(before.filter((leaked) => leaked).length).toBeGreaterThan(0.75 * before.length)
  })

  test('a key of words does not garble the names it is made of', () => {
    const wordy = new Redactor()
    for (const key of ['test-openrouter-key', 'openrouter']) wordy.learn(key)
    expect(wordy.text('target openroute/deepseek-reasoner refused test-openrouter-key')).toBe(
      'target openroute/deepseek-reasoner refused [redacted]',
    )
  })

  test('what is not the key stays', () => {
    const key = canaries[4]
    expect(redactor.text(`Incorrect API key provided: ${key}. See your account page.`)).toBe(
      'Incorrect API key provided: [redacted]. See your account page.',
    )
  })

  test('any place, any surroundings', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...canaries),
        fc.string({ maxLength: 40 }),
        fc.string({ maxLength: 40 }),
        fc.nat(30),
        fc.integer({ min: 8, max: 60 }),
        (key, before, after, from, length) => {
          const piece = key.slice(from, from + length)
          if (leaks(key, piece).length === 0) return
          const clean = new KnownSecrets()
          clean.add(key)
          const text = clean.remove(`${before}${piece}${after}`, '[x]')
          expect(leaks(key, text).filter((leak) => key.includes(leak))).toEqual([])
          if (!leaks(key, before + after).length) expect(text).toContain('[x]')
        },
      ),
      { numRuns: 3_000, seed: 11 },
    )
  })
})

describe('keys nobody told us of, by their shapes', () => {
  const redactor = new Redactor()
  const cases: [string, string, string][] = [
    ['a gateway key', 'key XJP_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG', 'key XJP_abcd…'],
    ['an OpenAI key', 'key sk-proj-abcdefghijklmnop refused', 'key sk-pro… refused'],
    ['a Langfuse key', 'sk_lf_0123456789abcdef', 'sk_lf_…'],
    ['a Google key', 'AIzaSyA0123456789abcdefghij', 'AIzaSyA0…'],
    ['a bearer token', 'authorization: bearer abcdefgh12345678', 'authorization: bearer …'],
    ['a token in a query', 'GET /v1?alt=sse&key=abcdef&x=1', 'GET /v1?alt=sse&key=…&x=1'],
    ['a member', '{"api_key":"abcdefgh12345678","x":1}', '{"api_key":"…","x":1}'],
    [
      'a member inside a string',
      '{"e":"{\\"api_key\\":\\"abcdefgh12345678\\"}"}',
      '{"e":"{\\"api_key\\":\\"…\\"}"}',
    ],
    ['a token of a chat', 'xoxb-123456789012-abcdefghijkl', 'xoxb-…'],
    ['a token of a forge', 'glpat-abcdefghijklmnopqrst', 'glpat-…'],
    [
      'a password in an address',
      'cannot reach postgres://xjp:hunter22@db:5432/x and redis://:s3cret@cache',
      'cannot reach postgres://xjp:…@db:5432/x and redis://:…@cache',
    ],
    [
      'an address without one',
      'see http://127.0.0.1:8080/a@b and http://x/y:z',
      'see http://127.0.0.1:8080/a@b and http://x/y:z',
    ],
    ['a token of three parts', 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', 'eyJhbGci…'],
    [
      'a private key',
      'x -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- y',
      'x [private key] y',
    ],
    [
      'an RSA key with escaped line ends',
      '"-----BEGIN RSA PRIVATE KEY-----\\nMII\\n-----END RSA PRIVATE KEY-----\\n"',
      '"[private key]\\n"',
    ],
    ['a private key cut off', 'x -----BEGIN PRIVATE KEY-----\nMIIE', 'x [private key]'],
    [
      'a certificate is no secret',
      '-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----',
      '-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----',
    ],
    [
      'ordinary words',
      'the task-list token was refused: skip basic checks',
      'the task-list token was refused: skip basic checks',
    ],
    ['a model name', 'claude-sonnet-4-5-20250929', 'claude-sonnet-4-5-20250929'],
  ]
  for (const [name, text, expected] of cases)
    test(name, () => {
      expect(redactor.text(text)).toBe(expected)
    })

  test('JSON stays JSON', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...echoes.map(([, echo]) => echo)),
        fc.constantFrom(...canaries),
        fc.nat(3),
        (echo, key, depth) => {
          let text = JSON.stringify({ body: echo(key), after: 1 })
          for (let times = 0; times < depth; times += 1) text = JSON.stringify({ body: text })
          expect(() => JSON.parse(redactor.text(text))).not.toThrow()
        },
      ),
      { numRuns: 1_000, seed: 5 },
    )
  })

  test('short secrets are not learned: they would hit words', () => {
    const short = new Redactor()
    short.learn('model')
    short.learn(undefined)
    expect(short.text('the model')).toBe('the model')
  })

  test('a key is shown by its first eight characters', () => {
    expect(keyPrefix('XJP_abcdefghij')).toBe('XJP_abcd…')
  })
})

describe('cost', () => {
  const redactor = new Redactor()
  for (let number = 0; number < 100; number += 1)
    redactor.learn(`sk-proj-${'0123456789abcdefghij'.repeat(3)}${number}`)

  test('an ordinary log line costs less than 20 µs with a hundred secrets known', () => {
    const line = JSON.stringify({
      request_id: '01J8X2ABCDEF123456789',
      endpoint: 'chat.completions',
      model: 'claude-sonnet-4.5',
      target: 'vendor/claude-3.5-sonnet',
      latency_ms: 1234,
      prompt_tokens: 1234,
      ended_by: 'complete',
      message: 'call',
    })
    const runs = Array.from({ length: 9 }, () => {
      const startedAt = performance.now()
      for (let times = 0; times < 2_000; times += 1) redactor.text(line)
      return (performance.now() - startedAt) / 2
    }).sort((one, other) => one - other)
    console.info(`redaction: ${runs[4]?.toFixed(2)} µs for a line of ${line.length} characters`)
    expect(runs[4] ?? 0).toBeLessThan(20)
  })

  const hostile = [
    'sk-',
    'sk-proj-',
    'Bearer ',
    `Bearer${' '.repeat(500)}`,
    '?key=',
    'eyJ',
    'eyJaaaaaaaaaaaaaaa.',
    'api_key',
    'api_key:',
    'api_key\\\\\\\\"',
    'XJP_',
    '://',
    '://a:',
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----',
    'sk-proj-0123456789abcdefghij',
    'a',
  ]
  for (const piece of hostile)
    test(`linear: a megabyte of ${JSON.stringify(piece.slice(0, 30))}`, () => {
      const time = (size: number): number => {
        const text = piece.repeat(Math.ceil(size / piece.length))
        const startedAt = performance.now()
        redactor.text(text)
        return performance.now() - startedAt
      }
      time(100_000)
      expect(time(1_000_000)).toBeLessThan(400)
    })
})
