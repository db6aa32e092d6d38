import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../protocol/model/error.ts'
import type { Gateway } from './gateway.ts'
import { checkOperator, isAdministrator } from './operator-access.ts'

const TOKEN = 'right'

interface Wishes {
  access?: 'local' | 'public' | 'administrator'
  mode?: 'keys' | 'first-key' | 'open'
  address?: string
  url?: string
  headers?: Record<string, string>
  /** Seconds until the next guess is answered. */
  wait?: number
  /** Nobody can say which token is right. */
  isAway?: boolean
}

function setUp({
  access = 'local',
  mode = 'keys',
  address = '127.0.0.1',
  url = 'http://localhost/metrics',
  headers = {},
  wait,
  isAway = false,
}: Wishes) {
  const guesses: string[] = []
  const known: Partial<Gateway> = {
    snapshot: () => ({ observability: { access }, auth: { mode } }) as ReturnType<Gateway['snapshot']>,
    operations: {
      isAdministrator: (token: string) => (isAway ? undefined : token === TOKEN),
      guessed: (from: string) => {
        guesses.push(from)
        return wait
      },
    } as unknown as Gateway['operations'],
  }
  const asking = {
    request: new Request(url, { headers }),
    url: new URL(url),
    exchange: { clientAddress: () => address, keepOpen: () => {} },
  }
  return { gateway: known as Gateway, asking, guesses }
}

/** The status of the refusal; 200 when there is none. */
function statusOf(wishes: Wishes): number {
  const { gateway, asking } = setUp(wishes)
  try {
    checkOperator(gateway, asking)
    return 200
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown.status
    throw thrown
  }
}

const right = { authorization: `Bearer ${TOKEN}` }

describe('who may read /metrics and /status', () => {
  const remote = { address: '192.0.2.1' }
  test.each<[string, Wishes, number]>([
    ['local: this machine', {}, 200],
    ['local: this machine over IPv6', { address: '::1', url: 'http://[::1]:8080/metrics' }, 200],
    ['local: IPv4 in IPv6', { address: '::ffff:127.0.0.1' }, 200],
    ['local: by the name of a container', { url: 'http://gateway:8080/metrics' }, 200],
    ['local: another machine', remote, 401],
    ['local: a peer that is gone', { address: '' }, 401],
    ['local: through a proxy', { headers: { 'x-forwarded-for': '127.0.0.1' } }, 401],
    ['local: through a proxy that says via', { headers: { via: '1.1 front' } }, 401],
    ['local: a page of this machine', { headers: { origin: 'http://localhost:3000' } }, 200],
    ['local: a page of this machine over IPv6', { headers: { origin: 'http://[::1]:3000' } }, 200],
    ['local: a page of another site', { headers: { origin: 'https://evil.example' } }, 401],
    ['local: a page of nowhere', { headers: { origin: 'null' } }, 401],
    ['local: under a stranger’s name that leads here', { url: 'http://evil.example:8080/metrics' }, 401],
    ['local: under such a name with a dot at its end', { url: 'http://evil.example.:8080/metrics' }, 401],
    ['local: another machine with the token', { ...remote, headers: right }, 200],
    ['local: through a proxy with the token', { headers: { via: '1.1 front', ...right } }, 200],
    ['local: the token in its own header', { ...remote, headers: { 'x-xjp-admin-token': TOKEN } }, 200],
    [
      'local: another machine with a wrong token',
      { ...remote, headers: { authorization: 'Bearer wrong' } },
      401,
    ],
    ['local: this machine with a wrong token', { headers: { authorization: 'Bearer wrong' } }, 200],
    ['local: a key in place of the token', { ...remote, headers: { 'x-api-key': TOKEN } }, 401],
    ['local: Basic', { ...remote, headers: { authorization: `Basic ${TOKEN}` } }, 401],
    ['public: everybody', { access: 'public', ...remote, headers: { via: '1.1 front' } }, 200],
    ['administrator: this machine', { access: 'administrator' }, 401],
    ['administrator: with the token', { access: 'administrator', ...remote, headers: right }, 200],
    [
      'administrator: with a wrong token',
      { access: 'administrator', headers: { authorization: 'Bearer x' } },
      401,
    ],
    [
      'administrator: one wrong token after another',
      { access: 'administrator', headers: { authorization: 'Bearer x' }, wait: 7 },
      429,
    ],
    [
      'administrator: a token while its store was never reached',
      { access: 'administrator', headers: right, isAway: true, wait: 7 },
      503,
    ],
    ['administrator: no token meanwhile', { access: 'administrator', isAway: true }, 401],
    ['administrator: the right one meanwhile', { access: 'administrator', headers: right, wait: 7 }, 200],
  ])('%s', (_name, wishes, status) => {
    expect(statusOf(wishes)).toBe(status)
  })

  test('only wrong tokens are counted as guesses, by the address they come from', () => {
    for (const [headers, count] of [
      [{}, 0],
      [right, 0],
      [{ authorization: 'Bearer wrong' }, 1],
    ] as const) {
      const { gateway, asking, guesses } = setUp({ access: 'administrator', address: '192.0.2.9', headers })
      try {
        checkOperator(gateway, asking)
      } catch {}
      expect(guesses).toEqual(Array(count).fill('192.0.2.9'))
    }
  })
})

describe('who may have a call explained', () => {
  const token = { 'x-xjp-admin-token': TOKEN }
  test.each<[string, Wishes, boolean]>([
    ['the administrator, from anywhere', { address: '192.0.2.1', headers: token }, true],
    ['a caller with a key', { headers: { authorization: 'Bearer XJP_key' } }, false],
    ['everybody on this machine in open mode', { mode: 'open' }, true],
    ['everybody on this machine before the first key', { mode: 'first-key' }, true],
    ['another machine in open mode', { mode: 'open', address: '192.0.2.1' }, false],
    [
      'a page of another site in open mode',
      { mode: 'open', headers: { origin: 'https://evil.example' } },
      false,
    ],
    [
      'somebody with a wrong token, in open mode too',
      { mode: 'open', headers: { 'x-xjp-admin-token': 'x' } },
      false,
    ],
    ['nobody while the token is not known', { headers: token, isAway: true }, false],
  ])('%s', (_name, wishes, may) => {
    const { gateway, asking } = setUp(wishes)
    expect(isAdministrator(gateway, asking)).toBe(may)
  })
})
