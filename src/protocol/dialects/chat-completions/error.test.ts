import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../model/error.ts'
import { decodeError, encodeError, encodeStreamError } from './error.ts'

const none = () => null
const wire = (error: unknown) => JSON.stringify({ error })

describe('errors of upstreams', () => {
  const rows: [number, string, string][] = [
    [400, wire({ message: 'm', type: 'invalid_request_error', param: null, code: null }), 'invalid_request'],
    [400, wire({ message: 'm', code: 'context_length_exceeded' }), 'context_too_long'],
    [
      400,
      wire({ message: "This model's maximum context length is 8192 tokens", code: 400 }),
      'context_too_long',
    ],
    [400, wire({ message: 'm', metadata: { error_type: 'context_length_exceeded' } }), 'context_too_long'],
    [401, wire({ message: 'm', code: 'invalid_api_key' }), 'upstream_unauthenticated'],
    [401, wire({ message: 'm', type: 'invalid_request_error' }), 'upstream_unauthenticated'],
    [402, wire({ message: 'm', code: 402 }), 'payment_required'],
    [403, wire({ message: 'm' }), 'forbidden'],
    [404, wire({ message: 'm', code: 'model_not_found' }), 'model_not_found'],
    [404, wire({ message: 'm' }), 'not_found'],
    [408, wire({ message: 'm' }), 'timeout'],
    [413, wire({ message: 'm' }), 'too_large'],
    [422, '{"detail":[{"loc":["body","n"],"msg":"bad"}]}', 'invalid_request'],
    [429, wire({ message: 'm', type: 'tokens', code: 'rate_limit_exceeded' }), 'rate_limited'],
    [429, wire({ message: 'm', type: 'insufficient_quota', code: 'insufficient_quota' }), 'quota_exhausted'],
    [429, wire({ message: 'm', type: 'exceeded_current_quota_error' }), 'quota_exhausted'],
    [429, wire({ message: 'm', type: 'engine_overloaded_error' }), 'overloaded'],
    [500, wire({ message: 'm', type: 'server_error' }), 'upstream_failed'],
    [502, '<html>Bad Gateway</html>', 'upstream_failed'],
    [503, wire('busy'), 'overloaded'],
    [503, '', 'overloaded'],
    [524, '', 'timeout'],
    [529, wire({ message: 'm', code: 529 }), 'overloaded'],
    [500, '[{"error":{"message":"m","code":500}}]', 'upstream_failed'],
  ]
  test.each(rows)('%d %s', (status, body, kind) => {
    const error = decodeError(status, body, none)
    expect(error.kind).toBe(kind as never)
    expect(error.message).not.toBe('')
    expect(error.details.upstream).toEqual({ dialect: 'chat-completions', status, body })
  })

  test.each([
    [wire({ message: 'the words' }), 'the words'],
    [wire({ message: { a: 1 } }), '{"a":1}'],
    [wire('the words'), 'the words'],
    ['{"detail":"the words"}', 'the words'],
    ['{"message":"the words"}', 'the words'],
    [
      wire({ message: 'Provider returned error', metadata: { raw: 'the words' } }),
      'Provider returned error: the words',
    ],
    ['', 'the upstream answered 500 without a readable error'],
  ])('%s says %j', (body, message) => {
    expect(decodeError(500, body, none).message).toBe(message)
  })

  test.each([
    [{ 'retry-after': '3' }, 3],
    [{ 'retry-after-ms': '250', 'retry-after': '3' }, 0.25],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, undefined],
    [{ 'x-ratelimit-reset-requests': '6m0s', 'x-ratelimit-reset-tokens': '20ms' }, 360],
    [
      {
        'x-ratelimit-reset-requests': '6m0s',
        'x-ratelimit-reset-tokens': '20ms',
        'x-ratelimit-remaining-tokens': '0',
      },
      0.02,
    ],
    [{}, undefined],
  ])('%j means waiting %p seconds', (headers: Record<string, string>, seconds) => {
    const error = decodeError(429, wire({ message: 'm' }), (name) => headers[name] ?? null)
    expect(error.details.retryAfterSeconds).toBe(seconds)
  })

  test('the header of the limit that was hit counts', () => {
    const headers: Record<string, string> = {
      'x-ratelimit-reset-requests': '9s',
      'x-ratelimit-reset-tokens': '2s',
    }
    const error = decodeError(429, wire({ message: 'm', type: 'tokens' }), (name) => headers[name] ?? null)
    expect(error.details.retryAfterSeconds).toBe(2)
    expect(
      decodeError(500, wire({ message: 'm' }), (name) => headers[name] ?? null).details.retryAfterSeconds,
    ).toBeUndefined()
  })
})

describe('errors for clients', () => {
  test('our own', () => {
    const error = new GatewayError('invalid_request', 'temperature: expected a number', {
      param: 'temperature',
    })
    expect(encodeError(error)).toEqual({
      status: 400,
      body: {
        error: {
          message: 'temperature: expected a number',
          type: 'invalid_request_error',
          param: 'temperature',
          code: 'invalid_value',
        },
      },
    })
  })

  test.each([
    ['unauthenticated', 401, 'invalid_request_error', 'invalid_api_key'],
    ['rate_limited', 429, 'rate_limit_error', 'rate_limit_exceeded'],
    ['overloaded', 503, 'server_error', 'overloaded'],
    ['timeout', 504, 'timeout', 'timeout'],
    ['upstream_failed', 502, 'server_error', 'upstream_error'],
  ] as const)('%s', (kind, status, type, code) => {
    expect(encodeError(new GatewayError(kind, 'm'))).toEqual({
      status,
      body: { error: { message: 'm', type, param: null, code } },
    })
  })

  test('an upstream of the same dialect is passed on unmodified', () => {
    const body = '{"error":{"message":"m","code":"x","extra":1},"user_id":"u"}'
    const shown = encodeError(decodeError(404, body, none))
    expect(shown.status).toBe(404)
    expect(shown.body).toEqual(JSON.parse(body))
    expect(encodeStreamError(decodeError(404, body, none))).toBe(
      'data: {"error":{"message":"m","code":"x","extra":1}}\n\n',
    )
  })

  test('our credentials’ failure is ours', () => {
    const body = wire({ message: 'Incorrect API key', code: 'invalid_api_key' })
    expect(encodeError(decodeError(401, body, none))).toEqual({
      status: 502,
      body: {
        error: { message: 'Incorrect API key', type: 'server_error', param: null, code: 'upstream_auth' },
      },
    })
  })

  test('an overload told with 529 is a 503 here', () => {
    const upstream = { dialect: 'messages', status: 529, body: '{}' } as const
    expect(encodeError(new GatewayError('overloaded', 'm', { status: 529, upstream })).status).toBe(503)
  })
})
