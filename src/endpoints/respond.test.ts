import { expect, test } from 'bun:test'
import { chatCompletions } from '../protocol/dialects/chat-completions/dialect.ts'
import { messages } from '../protocol/dialects/messages/dialect.ts'
import { type ErrorDetails, type ErrorKind, GatewayError } from '../protocol/model/error.ts'
import { errorResponse } from './respond.ts'

/** `[kind, details, x-should-retry]`: what an SDK is told about sending the same request again. */
const rows: readonly (readonly [ErrorKind, ErrorDetails, string | null])[] = [
  // Retried here already.
  ['upstream_failed', {}, 'false'],
  ['overloaded', { retryAfterSeconds: 1 }, 'false'],
  // A draining gateway: another replica may answer.
  ['unavailable', { retryAfterSeconds: 1 }, null],
  ['invalid_request', {}, null],
  ['rate_limited', {}, null],
  ['rate_limited', { retryAfterSeconds: 61 }, null],
  // A request a day, a budget: an SDK that obeyed would sleep for hours.
  ['rate_limited', { retryAfterSeconds: 77_850 }, 'false'],
  ['quota_exhausted', { retryAfterSeconds: 77_850 }, 'false'],
  ['quota_exhausted', { retryAfterSeconds: 20 }, null],
  ['quota_exhausted', {}, 'false'],
  // More tokens than the limit is wide.
  ['rate_limited', { final: true }, 'false'],
]

for (const [kind, details, expected] of rows) {
  test(`x-should-retry is ${expected} for ${kind} with ${JSON.stringify(details)}`, () => {
    for (const { client } of [chatCompletions, messages]) {
      if (!client) throw new Error('The dialect has no client side')
      const response = errorResponse(new GatewayError(kind, 'No.', details), client, 'req_1')
      expect(response.headers.get('x-should-retry')).toBe(expected)
      expect(response.headers.get('retry-after')).toBe(details.retryAfterSeconds?.toString() ?? null)
    }
  })
}
