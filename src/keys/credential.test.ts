import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../protocol/model/error.ts'
import { cameThroughProxy, credentialOf } from './credential.ts'

const carriers = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const

function headersOf(lines: readonly (readonly [string, string])[]): Headers {
  const headers = new Headers()
  for (const [name, value] of lines) headers.append(name, value)
  return headers
}

const read: [string, [string, string][], string | undefined][] = [
  ['nothing', [], undefined],
  ['an empty header', [['authorization', '']], undefined],
  ['a scheme without a credential', [['authorization', 'Bearer']], undefined],
  [
    'the same in two places',
    [
      ['authorization', 'bearer XJP_a'],
      ['x-api-key', 'XJP_a'],
    ],
    'XJP_a',
  ],
  [
    'the same header twice, alike',
    [
      ['x-api-key', 'XJP_a'],
      ['X-API-KEY', 'XJP_a'],
    ],
    'XJP_a',
  ],
  ['spaces around', [['authorization', '  BEARER    XJP_a  ']], 'XJP_a'],
  ['without a scheme', [['authorization', 'XJP_a']], 'XJP_a'],
  [
    'an empty one beside',
    [
      ['authorization', 'Bearer '],
      ['api-key', 'XJP_a'],
    ],
    'XJP_a',
  ],
  ['another scheme is no key, but it is a credential', [['authorization', 'Basic eDp5']], 'Basic eDp5'],
  ['a cookie', [['cookie', 'key=XJP_a; authorization=XJP_a; x-api-key=XJP_a']], undefined],
  [
    'a header that only looks like one',
    [
      ['x-authorization', 'Bearer XJP_a'],
      ['x-key', 'XJP_a'],
    ],
    undefined,
  ],
]
test.each(read)('%s', (_name, lines, credential) => {
  expect(credentialOf(headersOf(lines))).toBe(credential)
})

const refused: [string, [string, string][], string][] = [
  [
    'two headers',
    [
      ['authorization', 'Bearer XJP_a'],
      ['x-api-key', 'XJP_b'],
    ],
    'authorization and x-api-key',
  ],
  [
    'other vendors’ headers',
    [
      ['api-key', 'a'],
      ['x-goog-api-key', 'b'],
    ],
    'api-key and x-goog-api-key',
  ],
  [
    'one header twice',
    [
      ['x-api-key', 'XJP_a'],
      ['x-api-key', 'XJP_b'],
    ],
    'x-api-key',
  ],
  [
    'spelling counts',
    [
      ['authorization', 'Bearer XJP_a'],
      ['x-api-key', 'XJP_A'],
    ],
    'authorization and x-api-key',
  ],
]
test.each(refused)('two different ones are refused: %s', (_name, lines, param) => {
  try {
    credentialOf(headersOf(lines))
    expect.unreachable()
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(GatewayError)
    expect(thrown).toMatchObject({ kind: 'invalid_request', status: 400, details: { param } })
    expect(String(thrown)).not.toMatch(/XJP_/)
  }
})

describe('promise I2: every carrier obeys the same rules', () => {
  const carrier = fc.constantFrom(...carriers)
  const spelled = (name: string, upper: readonly boolean[]): string =>
    [...name].map((letter, index) => (upper[index % upper.length] ? letter.toUpperCase() : letter)).join('')
  const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,60}$/).filter((text) => !/^bearer$/i.test(text))
  const prefix = fc.constantFrom('', 'Bearer ', 'bearer ', 'BEARER ', 'bEaReR   ')

  test('any spelling, any scheme, in one or in several', () => {
    fc.assert(
      fc.property(
        word,
        fc.array(fc.tuple(carrier, fc.array(fc.boolean(), { minLength: 1 }), prefix), {
          minLength: 1,
          maxLength: 6,
        }),
        (credential, places) => {
          const lines = places.map(
            ([name, upper, before]) => [spelled(name, upper), before + credential] as const,
          )
          return credentialOf(headersOf(lines)) === credential
        },
      ),
      { numRuns: 5_000 },
    )
  })

  test('two different ones in any two places', () => {
    fc.assert(
      fc.property(word, word, carrier, carrier, prefix, prefix, (one, other, first, second, a, b) => {
        fc.pre(one !== other)
        const headers = headersOf([
          [first, a + one],
          [second, b + other],
        ])
        expect(() => credentialOf(headers)).toThrow(GatewayError)
      }),
      { numRuns: 5_000 },
    )
  })
})

test('a proxy shows itself', () => {
  expect(cameThroughProxy(new Headers())).toBe(false)
  for (const name of [
    'X-Forwarded-For',
    'forwarded',
    'x-real-ip',
    'Via',
    'X-Forwarded-Proto',
    'CF-Connecting-IP',
  ])
    expect(cameThroughProxy(new Headers({ [name]: '192.0.2.1' }))).toBe(true)
})
