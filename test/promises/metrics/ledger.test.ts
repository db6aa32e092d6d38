import { afterAll, beforeAll, expect, test } from 'bun:test'
import { crowd, type Row, readBooks } from '../accounting/support/books.ts'
import { type Office, openOffice } from '../keys/support/office.ts'
import { figure, size } from '../support/figure.ts'
import { type Front, fronts } from '../support/fronts.ts'
import { modelToml } from '../support/stage.ts'
import { eventually, type Scraped, scrape, withoutZeros } from './support/scraped.ts'

/** Counters equal the ledger: what /metrics says after a mixed run is what the rows of usage come to. */

const COUNT = size(600, 10_000)
const CONFIGURED = ['chat-completions', 'messages', 'generate-content', 'two']
const AT_A_TIME = 24

const toml = `${modelToml(
  'two',
  { provider: 'openai', model: 'gpt-4.1' },
  { provider: 'anthropic', model: 'claude-opus-4-6' },
)}
# What is refused before anybody knows who calls has no row: here everybody is asked.
[limits]
max_delay_ms = 0
[retry]
max_retries = 1
backoff_ms = 1
[prices."openai/gpt-4.1"]
input = "2"
output = "8"
`

let office: Office
const keys: Record<string, string> = {}
beforeAll(async () => {
  office = await openOffice({ toml })
  const issue = async (name: string, wishes: Parameters<Office['issue']>[0]): Promise<void> => {
    keys[name] = (await office.issue(wishes)).key
  }
  await issue('right', { tenant: 'acme', unlimitedRequests: true })
  await issue('other', { tenant: 'umbrella', unlimitedRequests: true })
  await issue('narrow', { tenant: 'acme', scopes: ['messages'], unlimitedRequests: true })
  await issue('slow', { tenant: 'acme', limits: { requestsPerMinute: 5 } })
  await issue('expired', { tenant: 'acme', expiresAt: Date.now() - 1 })
  keys['unknown'] = 'XJP_unknown'
})
afterAll(() => office.close())

/** What a request is: whose key, which model, which mark for the upstream, and whether its client leaves. */
interface Plan {
  key: string
  model: string
  mark: string
  leaves?: boolean
  more?: Record<string, unknown>
}

const plans: readonly Plan[] = [
  ...['text', 'usage', 'thinking', 'long@30', 'length'].map((scene) => ({
    key: 'right',
    model: 'chat-completions',
    mark: `[scene:${scene}]`,
  })),
  { key: 'other', model: 'messages', mark: '[scene:usage]' },
  { key: 'other', model: 'generate-content', mark: '[scene:thinking]' },
  { key: 'right', model: 'messages', mark: '[fault:no-usage]' },
  { key: 'right', model: 'messages', mark: '[scene:error@400]' },
  { key: 'right', model: 'two', mark: '[openai-scene:error@503]' },
  { key: 'right', model: 'two', mark: '[scene:error@529]' },
  { key: 'right', model: 'messages', mark: '[scene:error-middle@500]' },
  { key: 'right', model: 'chat-completions', mark: '[fault:cut-fin@2000] [scene:long@100]' },
  { key: 'other', model: 'chat-completions', mark: '[scene:long@400]', leaves: true },
  { key: 'right', model: 'nobody-serves-this', mark: '' },
  { key: 'right', model: 'messages', mark: '', more: { temperature: 'warm' } },
  { key: 'narrow', model: 'messages', mark: '' },
  { key: 'narrow', model: 'chat-completions', mark: '' },
  { key: 'slow', model: 'messages', mark: '' },
  { key: 'expired', model: 'messages', mark: '' },
  { key: 'unknown', model: 'messages', mark: '' },
]

/** Gives the status that was seen; 499 when the client left. */
async function ask(url: string, front: Front, plan: Plan, stream: boolean): Promise<number> {
  const leaving = new AbortController()
  try {
    const response = await fetch(url + front.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${keys[plan.key]}` },
      body: JSON.stringify({ ...front.body(plan.model, `${plan.mark} hello`, stream), ...plan.more }),
      signal: leaving.signal,
    })
    if (plan.leaves !== true) {
      await response.text().catch(() => '')
      return response.status
    }
    await response.body?.getReader().read()
    leaving.abort()
  } catch {
    // It left, or the answer broke off.
  }
  return 499
}

const sumOf = (rows: readonly Row[], keyOf: (row: Row) => string, amount: (row: Row) => number) => {
  const sums: Record<string, number> = {}
  for (const row of rows) sums[keyOf(row)] = (sums[keyOf(row)] ?? 0) + amount(row)
  return withoutZeros(sums)
}

const modelOf = ({ model }: Row): string => {
  if (model === '') return 'none'
  return CONFIGURED.includes(model) ? model : 'other'
}
const providerOf = ({ provider }: Row): string => provider ?? 'none'

test(`${COUNT} mixed requests: every counter is what the rows come to`, async () => {
  const url = office.gateways[0]?.url ?? ''
  const seen: Record<string, number> = {}
  await crowd(COUNT, AT_A_TIME, async (serial) => {
    const plan = plans[serial % plans.length] as Plan
    const turn = Math.floor(serial / plans.length)
    const front = fronts[turn % 2] as Front
    const status = await ask(url, front, plan, plan.leaves === true || (turn >> 1) % 2 === 0)
    const name = `${plan.key} ${status}`
    seen[name] = (seen[name] ?? 0) + 1
  })
  const metrics = await eventually(async () => {
    const now = await scrape(url)
    return now.sum('xjp_active_connections') === 0 && now.sum('xjp_journal_rows_waiting') === 0
      ? now
      : undefined
  })
  const { rows } = await readBooks(office.gateways[0]?.dataDirectory ?? '', {})
  check(metrics, rows)

  const refusedKeys = Object.entries(seen)
    .filter(([name]) => /^(expired|unknown) /.test(name))
    .reduce((sum, [, count]) => sum + count, 0)
  const outOfScope = seen['narrow 403'] ?? 0
  expect(outOfScope).toBeGreaterThan(0)
  expect(metrics.sum('xjp_auth_errors_total')).toBe(refusedKeys + outOfScope)
  expect(metrics.by('xjp_auth_refusals_total', 'reason')).toMatchObject({ out_of_scope: outOfScope })
  expect(metrics.sum('xjp_auth_refusals_total')).toBe(refusedKeys + outOfScope)

  const overLimit = seen['slow 429'] ?? 0
  expect(overLimit).toBeGreaterThan(0)
  expect(metrics.sum('xjp_rate_limit_hits_total')).toBe(overLimit)
  expect(metrics.by('xjp_limit_refusals_total', 'limit')).toEqual({ requests_per_minute: overLimit })
  figure('metrics against the ledger', {
    requests: COUNT,
    rows: rows.length,
    attempts: metrics.sum('xjp_attempts_total'),
    over_limit: overLimit,
    auth_errors: refusedKeys + outOfScope,
    differences: 0,
  })
}, 300_000)

function check(metrics: Scraped, rows: readonly Row[]): void {
  expect(metrics.by('xjp_requests_total', 'model', 'provider', 'tenant', 'status')).toEqual(
    sumOf(
      rows,
      (row) => `${modelOf(row)} ${providerOf(row)} ${row.tenant} ${row.status}`,
      () => 1,
    ),
  )
  expect(metrics.by('xjp_request_duration_seconds_count', 'model', 'provider', 'endpoint')).toEqual(
    sumOf(
      rows,
      (row) => `${modelOf(row)} ${providerOf(row)} ${row.endpoint}`,
      () => 1,
    ),
  )
  const tokens = {
    prompt: 'prompt_tokens',
    completion: 'completion_tokens',
    cached: 'cached_tokens',
    cache_write: 'cache_write_tokens',
    reasoning: 'reasoning_tokens',
  } as const
  const wanted: Record<string, number> = {}
  for (const [type, column] of Object.entries(tokens))
    Object.assign(
      wanted,
      sumOf(
        rows,
        (row) => `${modelOf(row)} ${row.tenant} ${type}`,
        (row) => row[column],
      ),
    )
  expect(metrics.by('xjp_tokens_total', 'model', 'tenant', 'token_type')).toEqual(wanted)
  expect(metrics.by('xjp_streaming_bytes_total', 'model', 'provider')).toEqual(
    sumOf(
      rows.filter((row) => row.stream),
      (row) => `${modelOf(row)} ${providerOf(row)}`,
      (row) => row.stream_bytes,
    ),
  )
  const cost = rows.reduce((sum, row) => sum + row.cost_usd, 0)
  expect(cost).toBeGreaterThan(0)
  expect(metrics.sum('xjp_cost_dollars_total')).toBeCloseTo(cost, 9)
  // The run had all of it.
  for (const status of ['200', '400', '403', '404', '429', '499', '502'])
    expect(metrics.sum('xjp_requests_total', { status }), status).toBeGreaterThan(0)
  expect(metrics.sum('xjp_attempts_total', { reason: 'fallback', outcome: 'ok' })).toBeGreaterThan(0)
  const attempts = rows.flatMap((row) => row.attempts)
  expect(metrics.sum('xjp_attempts_total')).toBe(attempts.length)
  const failed = rows.filter((row) => row.error_type !== null || row.end_reason === 'client')
  expect(metrics.by('xjp_errors_total', 'model', 'error', 'ended_by')).toEqual(
    sumOf(
      failed,
      (row) =>
        `${modelOf(row)} ${row.end_reason === 'client' ? 'client_closed' : row.error_type} ${row.end_reason}`,
      () => 1,
    ),
  )
}
