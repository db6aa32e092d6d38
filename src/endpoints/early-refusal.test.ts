import { describe, expect, test } from 'bun:test'
import type { ClientDialect } from '../pipeline/call.ts'
import { chatCompletions } from '../protocol/dialects/chat-completions/dialect.ts'
import { messages } from '../protocol/dialects/messages/dialect.ts'
import { refuseEarly } from './early-refusal.ts'
import type { Gateway } from './gateway.ts'
import { routes } from './router.ts'

const LIMIT = 1_000

/** What of a gateway is looked at here. */
function gatewayThat(isOverloaded: boolean, seconds = 3): Gateway {
  const parts: Partial<Gateway> = {
    snapshot: () =>
      ({
        limits: { maxBodyBytes: LIMIT },
        server: { cors: { origins: ['https://chat.example.org'] } },
        auth: { mode: 'keys' },
      }) as unknown as ReturnType<Gateway['snapshot']>,
    clients: { 'chat-completions': chatCompletions as ClientDialect, messages: messages as ClientDialect },
    shedding: {
      refuses: () => isOverloaded,
      retryAfterSeconds: () => seconds,
    } as unknown as Gateway['shedding'],
  }
  return parts as Gateway
}

const request = (path: string, headers: Record<string, string> = {}, method = 'POST'): Request =>
  new Request(`http://gateway${path}`, { method, headers, ...(method === 'POST' ? { body: '{}' } : {}) })

const calls = routes.filter(({ method, access }) => method === 'POST' && access === 'key')
const others = routes.filter((route) => !calls.includes(route))

describe('while it is overloaded', () => {
  test.each(calls.map(({ path }) => path))('%s is refused in its own words', async (path) => {
    for (const address of [path, `${path}/`, `${path}?beta=true`]) {
      const response = refuseEarly(gatewayThat(true), request(address, { 'x-request-id': 'mine-1' }))
      const body = (await response?.json()) as { type?: string; error: { message: string; code?: string } }
      expect([response?.status, response?.headers.get('retry-after')]).toEqual([503, '3'])
      expect(response?.headers.get('x-request-id')).toBe('mine-1')
      expect(body.error.message).toContain('more work than it can do')
      if (path.startsWith('/v1/messages')) expect(body).toMatchObject({ type: 'error', request_id: 'mine-1' })
      else expect(body.error.code).toBe('overloaded')
    }
  })

  test.each(others.map(({ method, path }) => [method, path] as const))(
    '%s %s is answered',
    (method, path) => {
      expect(refuseEarly(gatewayThat(true), request(path.replace('*', 'x'), {}, method))).toBeUndefined()
    },
  )

  test('each refusal has an id of its own, and the time of the moment', async () => {
    const [one, other] = [1, 2].map((seconds) =>
      refuseEarly(gatewayThat(true, seconds), request('/v1/messages')),
    )
    expect([one, other].map((response) => response?.headers.get('retry-after'))).toEqual(['1', '2'])
    const bodies = await Promise.all([one, other].map((response) => response?.json()))
    const ids = bodies.map((body) => (body as { request_id?: string }).request_id)
    expect(ids[0]).not.toBe(ids[1])
    expect(ids).toEqual([one, other].map((response) => response?.headers.get('x-request-id') ?? undefined))
  })

  test('a page that may call reads its refusal', () => {
    const headers = { origin: 'https://chat.example.org' }
    const response = refuseEarly(gatewayThat(true), request('/v1/chat/completions', headers))
    expect(response?.headers.get('access-control-allow-origin')).toBe('https://chat.example.org')
    const stranger = request('/v1/chat/completions', { origin: 'https://evil.example' })
    expect(refuseEarly(gatewayThat(true), stranger)?.headers.has('access-control-allow-origin')).toBe(false)
  })
})

describe('at any time', () => {
  test.each([
    ['a body of the greatest length', '/v1/messages', { 'content-length': String(LIMIT) }, undefined],
    ['a longer one', '/v1/messages', { 'content-length': String(LIMIT + 1) }, 413],
    ['a longer one that is no call', '/v1/models', { 'content-length': String(LIMIT + 1) }, undefined],
    ['a long address', `/v1/messages?${'x'.repeat(8_000)}`, {}, undefined],
    ['a longer address', `/v1/messages?${'x'.repeat(8_200)}`, {}, 414],
    ['a longer address of nothing', `/${'x'.repeat(8_200)}`, {}, 414],
  ])('%s', (_, path, headers, status) => {
    expect(refuseEarly(gatewayThat(false), request(path, headers))?.status).toBe(status)
  })
})
