import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { newKey } from '../../../src/keys/key-format.ts'
import { figure } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { sendBytes } from '../support/raw-http.ts'
import { codeOf, type Office, openOffice } from './support/office.ts'

/** I2 every place a key may stand in obeys the same rules; the address and cookies are no such place. */

let office: Office
const secrets: Record<string, string> = {}
beforeAll(async () => {
  office = await openOffice()
  const disabled = await office.issue()
  await office.database.keys.update(disabled.record.id, { enabled: false })
  Object.assign(secrets, {
    right: (await office.issue()).key,
    'another right one': (await office.issue({ tenant: 'other' })).key,
    narrow: (await office.issue({ scopes: ['messages'] })).key,
    expired: (await office.issue({ expiresAt: Date.now() - 1 })).key,
    disabled: disabled.key,
    unknown: newKey(randomBytes),
    nonsense: 'nonsense',
  })
})
afterAll(() => office.close())

/** Header lines that carry a secret. */
const carriers: Readonly<Record<string, (secret: string) => string[]>> = {
  authorization: (secret) => [`authorization: Bearer ${secret}`],
  'x-api-key': (secret) => [`x-api-key: ${secret}`],
  'api-key': (secret) => [`api-key: ${secret}`],
  'x-goog-api-key': (secret) => [`x-goog-api-key: ${secret}`],
  'great and small letters': (secret) => [`aUTHORIZATION: bEARER ${secret}`],
  'another’s great letters': (secret) => [`X-API-KEY: ${secret}`],
  'spaces around': (secret) => [`Authorization:   Bearer   ${secret}   `],
  'without a scheme': (secret) => [`authorization: ${secret}`],
  'a scheme where none is usual': (secret) => [`x-api-key: Bearer ${secret}`],
  twice: (secret) => [`x-api-key: ${secret}`, `X-Api-Key: ${secret}`],
  'everywhere at once': (secret) => [
    `authorization: Bearer ${secret}`,
    `x-api-key: ${secret}`,
    `api-key: ${secret}`,
    `x-goog-api-key: ${secret}`,
  ],
}

function ask(
  lines: readonly string[],
  path: string,
  body?: object,
): Promise<{ status: number; body: string }> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const head = [
    `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1`,
    'host: gateway',
    'x-request-id: same',
    ...(body === undefined ? [] : ['content-type: application/json', `content-length: ${text.length}`]),
    ...lines,
    'connection: close',
  ]
  return sendBytes(office.gateways[0]?.url ?? '', `${head.join('\r\n')}\r\n\r\n${text}`)
}

describe('promise I2', () => {
  test('each carrier × each state of a key × each endpoint: no difference', async () => {
    const requests: [string, object | undefined][] = [
      ['/v1/models', undefined],
      ...fronts.map((front): [string, object] => [
        front.path,
        front.body('chat-completions', 'hello', false),
      ]),
    ]
    const expected: Record<string, number[]> = {
      right: [200, 200, 200],
      narrow: [200, 403, 403],
      expired: [403, 403, 403],
      disabled: [403, 403, 403],
    }
    let n = 0
    for (const [state, statuses] of Object.entries(expected))
      for (const [at, [path, body]] of requests.entries()) {
        const seen = new Set<string>()
        for (const lines of Object.values(carriers)) {
          const found = await ask(lines(secrets[state] ?? ''), path, body)
          expect(found.status, `${state} ${path}`).toBe(statuses[at] ?? 0)
          // Answers have ids and times of their own; refusals are compared letter by letter.
          seen.add(found.status === 200 ? '200' : found.body)
          n += 1
        }
        expect(seen.size).toBe(1)
      }
    figure('I2', { n, carriers: Object.keys(carriers).length, differences: 0 })
  })

  test('wrong keys are alike wherever they stand, until there were too many', async () => {
    for (const lines of Object.values(carriers)) {
      const [unknown, nonsense] = [
        await ask(lines(secrets['unknown'] ?? ''), '/v1/models'),
        await ask(lines(secrets['nonsense'] ?? ''), '/v1/models'),
      ]
      expect(unknown).toMatchObject({ status: 401 })
      expect(codeOf(unknown.body)).toBe('invalid_api_key')
      expect(nonsense.body).toBe(unknown.body)
    }
  })

  const names = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key']
  test('two different credentials: 400 whatever they are, in any two places', async () => {
    const states = ['right', 'another right one', 'disabled', 'unknown', 'nonsense']
    let n = 0
    for (const [first, second] of names.flatMap((one) => names.map((other) => [one, other] as const)))
      for (const one of states)
        for (const other of states) {
          if (one === other) continue
          const lines = [`${first}: ${secrets[one]}`, `${second}: ${secrets[other]}`]
          const found = await ask(lines, '/v1/models')
          expect(found.status, lines.join(' ')).toBe(400)
          expect(found.body).not.toContain(secrets[one] ?? '')
          n += 1
        }
    figure('I2, two different', { n, let_in: 0 })
  })

  const elsewhere: [string, (secret: string) => { path?: string; lines?: string[] }][] = [
    ['the address', (secret) => ({ path: `/v1/models?key=${secret}` })],
    [
      'the address, other names',
      (secret) => ({ path: `/v1/models?api_key=${secret}&access_token=${secret}` }),
    ],
    ['a cookie', (secret) => ({ lines: [`cookie: key=${secret}; authorization=Bearer ${secret}`] })],
    ['a user in the address', (secret) => ({ path: `http://${secret}:${secret}@gateway/v1/models` })],
    ['basic', (secret) => ({ lines: [`authorization: Basic ${btoa(`${secret}:${secret}`)}`] })],
    ['a proxy’s header', (secret) => ({ lines: [`proxy-authorization: Bearer ${secret}`] })],
    ['a header of the same sound', (secret) => ({ lines: [`x_api_key: ${secret}`, `apikey: ${secret}`] })],
  ]
  test.each(elsewhere)('%s is no place for a key', async (_name, place) => {
    const { path = '/v1/models', lines = [] } = place(secrets['right'] ?? '')
    expect((await ask(lines, path)).status).toBe(401)
  })

  test('a key in the address or in a cookie adds nothing to the one in the header', async () => {
    const [right, other] = [secrets['right'] ?? '', secrets['another right one'] ?? '']
    const lines = [`x-api-key: ${right}`, `cookie: key=${other}`]
    expect((await ask(lines, `/v1/models?key=${other}`)).status).toBe(200)
  })
})
