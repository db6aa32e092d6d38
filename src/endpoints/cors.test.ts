import { describe, expect, test } from 'bun:test'
import type { Snapshot } from '../config/snapshot.ts'
import { allowedOrigin, corsHeaders, preflight } from './cors.ts'

function configured(origins?: readonly string[], mode: Snapshot['auth']['mode'] = 'open'): Snapshot {
  const server: Partial<Snapshot['server']> = { cors: { origins: origins && [...origins] } }
  const parts: Partial<Snapshot> = { auth: { mode }, server: server as Snapshot['server'] }
  return parts as Snapshot
}

describe('which page may call', () => {
  const open = configured()
  const cases: [string, Snapshot, string, string | undefined][] = [
    ['no list: a page of this machine', open, 'http://localhost:3000', 'http://localhost:3000'],
    ['no list: by number', open, 'http://127.0.0.1', 'http://127.0.0.1'],
    ['no list: by IPv6', open, 'https://[::1]:8443', 'https://[::1]:8443'],
    ['no list: a page of elsewhere', open, 'https://evil.test', undefined],
    ['no list: a name that begins the same', open, 'http://localhost.evil.test', undefined],
    ['no list: an address that begins the same', open, 'http://127.0.0.1.evil.test:80', undefined],
    ['no list: a name behind credentials', open, 'http://localhost@evil.test', undefined],
    ['no list: a port that is none', open, 'http://localhost:80evil', undefined],
    ['no list: a file or a sandbox', open, 'null', undefined],
    ['no list: another scheme', open, 'file://localhost', undefined],
    ['no list: several lines', open, 'http://localhost\nhttp://evil.test', undefined],
    [
      'a list: one that is on it',
      configured(['https://a.test', 'https://b.test']),
      'https://b.test',
      'https://b.test',
    ],
    ['a list: one that is not', configured(['https://a.test']), 'https://b.test', undefined],
    [
      'a list: a name that begins the same',
      configured(['https://a.test']),
      'https://a.test.evil.test',
      undefined,
    ],
    ['a list: not even this machine', configured(['https://a.test']), 'http://localhost:3000', undefined],
    ['a list with a star', configured(['*']), 'https://anywhere.test', '*'],
    ['no list where keys are asked for: every page', configured(undefined, 'keys'), 'https://a.test', '*'],
    [
      'no list until the first key: not elsewhere',
      configured(undefined, 'first-key'),
      'https://a.test',
      undefined,
    ],
    ['a list where keys are asked for', configured(['https://b.test'], 'keys'), 'https://a.test', undefined],
    ['an empty list: nobody', configured([]), 'http://localhost', undefined],
  ]
  for (const [name, snapshot, origin, expected] of cases)
    test(name, () => {
      expect(allowedOrigin(snapshot, origin)).toBe(expected)
    })
})

describe('the headers of an answer', () => {
  test('name the origin, what may be read, and that the answer depends on the origin', () => {
    const headers = new Headers(corsHeaders(configured(), 'http://localhost:3000'))
    expect(headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
    expect(headers.get('vary')).toBe('origin')
    for (const name of ['x-request-id', 'retry-after', 'x-xjp-dropped'])
      expect(headers.get('access-control-expose-headers')).toContain(name)
    expect(headers.get('access-control-allow-credentials')).toBeNull()
  })

  test('are none for an origin that may not call', () => {
    expect(corsHeaders(configured(), 'https://evil.test')).toEqual([])
  })
})

describe('asking before', () => {
  test('what is asked for is allowed', () => {
    const asked = new Headers({ 'access-control-request-headers': 'authorization, x-stainless-lang' })
    const response = preflight(configured(['https://a.test']), 'https://a.test', asked)
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-headers')).toBe('authorization, x-stainless-lang')
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, POST, OPTIONS')
    expect(response.headers.get('access-control-max-age')).toBe('600')
  })

  test('nothing asked for', () => {
    const response = preflight(configured(['https://a.test']), 'https://a.test', new Headers())
    expect(response.headers.get('access-control-allow-headers')).toBe('*')
  })

  test('an origin that may not call is told so', () => {
    const response = preflight(configured(), 'https://evil.test', new Headers())
    expect(response.status).toBe(403)
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })
})
