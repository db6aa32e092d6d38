import { describe, expect, test } from 'bun:test'
import { type ErrorKind, errorKinds, GatewayError } from '../../model/error.ts'
import { decodeError } from './error.ts'
import { encodeError, encodeStreamError } from './error-encode.ts'

const none = () => null
const native = (type: string, message = 'words') => ({
  type: 'error',
  error: { type, message },
  request_id: 'req_up',
})

describe('errors of an upstream', () => {
  const table: [string, number, unknown, ErrorKind, number, string][] = [
    ['bad request', 400, native('invalid_request_error'), 'invalid_request', 400, 'words'],
    [
      'too long',
      400,
      native('invalid_request_error', 'prompt is too long: 9 > 8'),
      'context_too_long',
      400,
      'prompt is too long: 9 > 8',
    ],
    ['our key', 401, native('authentication_error'), 'upstream_unauthenticated', 502, 'words'],
    ['billing', 402, native('billing_error'), 'payment_required', 402, 'words'],
    ['permission', 403, native('permission_error'), 'forbidden', 403, 'words'],
    [
      'no such model',
      404,
      native('not_found_error', 'model: claude-x'),
      'model_not_found',
      404,
      'model: claude-x',
    ],
    ['too large', 413, native('request_too_large'), 'too_large', 413, 'words'],
    ['rate', 429, native('rate_limit_error'), 'rate_limited', 429, 'words'],
    ['failure', 500, native('api_error'), 'upstream_failed', 502, 'words'],
    ['time', 504, native('timeout_error'), 'timeout', 504, 'words'],
    ['overload', 529, native('overloaded_error'), 'overloaded', 529, 'words'],
    ['a type we do not know', 422, native('new_error'), 'invalid_request', 422, 'words'],
    [
      'a spent limit',
      429,
      {
        type: 'error',
        error: {
          type: 'rate_limit_error',
          message: 'w',
          details: { error_code: 'enforced_spend_limit_reached' },
        },
      },
      'quota_exhausted',
      429,
      'w',
    ],
    [
      'no capacity',
      500,
      { error: { message: 'none left', type: 'no_cookie_available' } },
      'overloaded',
      503,
      'none left',
    ],
    ['retries spent', 504, { error: { message: 'x', type: 'too_many_retries' } }, 'overloaded', 503, 'x'],
    [
      'its credential failed',
      400,
      { error: { message: 'x', type: 'invalid_cookie' } },
      'overloaded',
      503,
      'x',
    ],
    [
      'a message that is an object',
      429,
      { error: { message: { type: 'exceeded_limit', resetsAt: 5 }, type: 'x' } },
      'rate_limited',
      429,
      '{"type":"exceeded_limit","resetsAt":5}',
    ],
    [
      'a meaning that only the inner object has',
      500,
      { error: { message: { type: 'exceeded_limit', message: 'full' }, type: 'x' } },
      'rate_limited',
      429,
      'full',
    ],
    ['an error that is a string', 403, { error: 'go away' }, 'forbidden', 403, 'go away'],
    [
      'quota of a cloud',
      429,
      { error: { code: 429, message: 'Quota', status: 'RESOURCE_EXHAUSTED' } },
      'rate_limited',
      429,
      'Quota',
    ],
    [
      'a list from a cloud',
      401,
      [{ error: { code: 401, message: 'Login', status: 'UNAUTHENTICATED' } }],
      'upstream_unauthenticated',
      502,
      'Login',
    ],
    [
      'a model a cloud has not',
      404,
      { error: { code: 404, message: 'Publisher Model `x` was not found', status: 'NOT_FOUND' } },
      'model_not_found',
      404,
      'Publisher Model `x` was not found',
    ],
  ]
  for (const [name, status, body, kind, shown, message] of table)
    test(name, () => {
      const error = decodeError(status, JSON.stringify(body), none)
      expect([error.kind, error.status, error.message]).toEqual([kind, shown, message])
      expect(error.details.upstream).toEqual({ dialect: 'messages', status, body: JSON.stringify(body) })
    })

  test('a body that is not JSON, and none', () => {
    expect(decodeError(502, '<html>bad</html>', none)).toMatchObject({
      kind: 'upstream_failed',
      message: '<html>bad</html>',
    })
    expect(decodeError(503, '', none)).toMatchObject({
      kind: 'overloaded',
      message: 'the upstream answered with status 503',
    })
  })

  const waits: [Record<string, string>, number | undefined][] = [
    [{ 'retry-after': '13' }, 13],
    [{ 'retry-after-ms': '1500', 'retry-after': '2' }, 1.5],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, undefined],
    [{ 'retry-after': '-1' }, undefined],
    [{}, undefined],
  ]
  for (const [headers, seconds] of waits)
    test(`wait ${JSON.stringify(headers)}`, () => {
      const error = decodeError(429, '', (name) => headers[name] ?? null)
      expect(error.details.retryAfterSeconds).toBe(seconds)
    })
})

describe('errors for a client', () => {
  const types: Record<ErrorKind, [number, string]> = {
    invalid_request: [400, 'invalid_request_error'],
    context_too_long: [400, 'invalid_request_error'],
    unsupported: [400, 'invalid_request_error'],
    unauthenticated: [401, 'authentication_error'],
    payment_required: [402, 'billing_error'],
    forbidden: [403, 'permission_error'],
    not_found: [404, 'not_found_error'],
    model_not_found: [404, 'not_found_error'],
    method_not_allowed: [405, 'invalid_request_error'],
    conflict: [409, 'conflict_error'],
    too_large: [413, 'request_too_large'],
    unsupported_media_type: [415, 'invalid_request_error'],
    unprocessable: [422, 'invalid_request_error'],
    rate_limited: [429, 'rate_limit_error'],
    quota_exhausted: [429, 'rate_limit_error'],
    client_closed: [499, 'api_error'],
    internal: [500, 'api_error'],
    upstream_invalid: [502, 'api_error'],
    upstream_failed: [502, 'api_error'],
    upstream_unauthenticated: [502, 'api_error'],
    overloaded: [529, 'overloaded_error'],
    unavailable: [503, 'api_error'],
    timeout: [504, 'timeout_error'],
  }
  for (const [kind, [status, type]] of Object.entries(types) as [ErrorKind, [number, string]][])
    test(kind, () => {
      const message = kind === 'context_too_long' ? 'prompt is too long: words' : 'words'
      expect(encodeError(new GatewayError(kind, 'words'), 'req_1')).toEqual({
        status,
        body: { type: 'error', error: { type, message }, request_id: 'req_1' },
      })
    })

  test('every kind has its row', () => {
    expect(Object.keys(types).sort()).toEqual(Object.keys(errorKinds).sort())
  })

  test('the upstream’s own body passes unmodified', () => {
    const body = { ...native('invalid_request_error', 'thinking.signature'), extra: [1] }
    const error = decodeError(400, JSON.stringify(body), none)
    expect(encodeError(error, 'req_1')).toEqual({ status: 400, body })
  })

  test('our credentials’ failure is ours, its wording is kept', () => {
    const error = decodeError(401, JSON.stringify(native('authentication_error', 'invalid x-api-key')), none)
    expect(encodeError(error, 'req_1')).toEqual({
      status: 502,
      body: {
        type: 'error',
        error: { type: 'api_error', message: 'invalid x-api-key' },
        request_id: 'req_1',
      },
    })
  })

  test('a body that only resembles this dialect is written anew', () => {
    const error = decodeError(
      500,
      JSON.stringify({ error: { message: 'none left', type: 'no_cookie_available' } }),
      none,
    )
    expect(encodeError(error, 'req_1')).toEqual({
      status: 529,
      body: { type: 'error', error: { type: 'overloaded_error', message: 'none left' }, request_id: 'req_1' },
    })
  })

  test('in a stream', () => {
    const own = encodeStreamError(new GatewayError('timeout', 'late'), 'req_1')
    expect(own).toBe(
      'event: error\ndata: {"type":"error","error":{"type":"timeout_error","message":"late"},"request_id":"req_1"}\n\n',
    )
    const theirs = encodeStreamError(
      decodeError(529, JSON.stringify(native('overloaded_error')), none),
      'req_1',
    )
    expect(theirs).toContain('"request_id":"req_up"')
  })
})
