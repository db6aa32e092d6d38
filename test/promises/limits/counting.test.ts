import { expect, test } from 'bun:test'
import { openOffice } from '../keys/support/office.ts'
import { ask, numberIn } from './support/ask.ts'

test('D9: counting tokens is under the limits of requests, and its refusal says so in full', async () => {
  const office = await openOffice()
  try {
    const url = office.gateways[0]?.url ?? ''
    const { key } = await office.issue({ limits: { requestsPerMinute: 1, concurrency: 1 } })
    const path = '/v1/messages/count_tokens'
    expect(await ask(url, { key, path })).toMatchObject({ status: 200 })
    const refused = await ask(url, { key, path })
    expect(refused.status).toBe(429)
    expect(JSON.parse(refused.text)).toMatchObject({ type: 'error', error: { type: 'rate_limit_error' } })
    expect(numberIn(refused, 'x-ratelimit-remaining')).toBe(0)
    expect(numberIn(refused, 'x-ratelimit-reset')).toBe(numberIn(refused, 'retry-after'))
    expect(refused.headers.get('x-xjp-limit')).toBe('requests_per_minute')
    // An answer is under the same limit.
    expect((await ask(url, { key })).status).toBe(429)
  } finally {
    await office.close()
  }
}, 30_000)
