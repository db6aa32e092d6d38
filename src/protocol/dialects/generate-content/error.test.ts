import { describe, expect, test } from 'bun:test'
import { decodeError } from './error.ts'

const none = () => null
const body = (status: string, message = 'why', details: object[] = []) =>
  JSON.stringify({ error: { code: 1, message, status, details } })

describe('errors (protocol.md §1.4)', () => {
  const rows: { what: string; status: number; body: string; kind: string; message?: string }[] = [
    {
      what: 'a bad argument',
      status: 400,
      body: body('INVALID_ARGUMENT'),
      kind: 'invalid_request',
      message: 'why',
    },
    {
      what: 'the same in an array',
      status: 400,
      body: `[${body('INVALID_ARGUMENT')}]`,
      kind: 'invalid_request',
      message: 'why',
    },
    {
      what: 'a bad key, told by its reason',
      status: 400,
      body: body('INVALID_ARGUMENT', 'no', [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' },
      ]),
      kind: 'upstream_unauthenticated',
    },
    {
      what: 'a bad key without a reason',
      status: 400,
      body: body('INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.'),
      kind: 'upstream_unauthenticated',
    },
    {
      what: 'a prompt too long',
      status: 400,
      body: body(
        'INVALID_ARGUMENT',
        'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
      ),
      kind: 'context_too_long',
    },
    {
      what: 'an expired token',
      status: 401,
      body: body('UNAUTHENTICATED'),
      kind: 'upstream_unauthenticated',
    },
    { what: 'no permission', status: 403, body: body('PERMISSION_DENIED'), kind: 'forbidden' },
    {
      what: 'an unknown model',
      status: 404,
      body: body('NOT_FOUND', 'models/x is not found for API version v1'),
      kind: 'model_not_found',
    },
    { what: 'an unknown file', status: 404, body: body('NOT_FOUND', 'file'), kind: 'not_found' },
    { what: 'too many requests', status: 429, body: body('RESOURCE_EXHAUSTED'), kind: 'rate_limited' },
    { what: 'a failure', status: 500, body: body('INTERNAL'), kind: 'upstream_failed' },
    { what: 'overload', status: 503, body: body('UNAVAILABLE'), kind: 'overloaded' },
    { what: 'a deadline', status: 504, body: body('DEADLINE_EXCEEDED'), kind: 'timeout' },
    { what: 'a code of the prototype', status: 400, body: body('constructor'), kind: 'invalid_request' },
    {
      what: 'HTML',
      status: 502,
      body: '<html>Bad Gateway</html>',
      kind: 'upstream_failed',
      message: 'the upstream answered with HTTP 502 and no readable error',
    },
    { what: 'an empty body', status: 429, body: '', kind: 'rate_limited' },
    {
      what: 'an OAuth error',
      status: 401,
      body: '{"error":"invalid_grant","error_description":"expired"}',
      kind: 'upstream_unauthenticated',
      message: 'expired',
    },
  ]
  for (const row of rows)
    test(`${row.what} is ${row.kind}`, () => {
      const error = decodeError(row.status, row.body, none)
      expect(error.kind).toBe(row.kind as never)
      expect(error.details.upstream).toEqual({
        dialect: 'generate-content',
        status: row.status,
        body: row.body,
      })
      if (row.message !== undefined) expect(error.message).toBe(row.message)
    })

  test('the time to wait comes from RetryInfo, or from the header', () => {
    const limited = body('RESOURCE_EXHAUSTED', 'slow', [
      { '@type': 'x/google.rpc.RetryInfo', retryDelay: '13.5s' },
    ])
    expect(decodeError(429, limited, none).details.retryAfterSeconds).toBe(13.5)
    expect(
      decodeError(429, limited, (name) => (name === 'retry-after' ? '7' : null)).details.retryAfterSeconds,
    ).toBe(7)
    expect(decodeError(429, body('RESOURCE_EXHAUSTED'), none).details.retryAfterSeconds).toBeUndefined()
  })
})
