import { expect, test } from 'bun:test'
import { type ErrorKind, errorKinds, kindOfUpstreamStatus } from './error.ts'

test.each<[number, ErrorKind]>([
  [101, 'upstream_invalid'],
  [204, 'upstream_invalid'],
  [302, 'upstream_invalid'],
  [304, 'upstream_invalid'],
  [400, 'invalid_request'],
  [401, 'upstream_unauthenticated'],
  [418, 'invalid_request'],
  [429, 'rate_limited'],
  [500, 'upstream_failed'],
  [503, 'overloaded'],
  [529, 'overloaded'],
  [599, 'upstream_failed'],
])('an upstream’s status %d means %s', (status, kind) => {
  expect(kindOfUpstreamStatus(status)).toBe(kind)
})

test('what counts against a route is never the client’s fault', () => {
  for (const { status, counts } of Object.values(errorKinds)) if (counts) expect(status).toBeGreaterThan(500)
})
