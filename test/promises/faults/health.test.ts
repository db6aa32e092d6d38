import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createClient } from '@redis/client'
import { namedFault } from '../../rig/fault/faults.ts'
import type { Choice } from '../../rig/script.ts'
import { type OwnPostgres, ownPostgres } from '../../support/services/postgres.ts'
import { type OwnRedis, ownRedis } from '../../support/services/redis.ts'
import { type House, openHouse, startLoad } from '../accounting/support/house.ts'
import { until } from '../limits/support/ask.ts'
import { figure, isLong, percentile, size } from '../support/figure.ts'
import { allowedMs, BARE, type Poller, type Polls, startPoller } from '../support/poller.ts'

/**
 * F5 liveness means that the loop turns, readiness that the policy can be met; neither waits for anything that is away.
 * F7 and no outage becomes a flood of log lines.
 */

const LIMIT_MS = 20
const FAULT_MS = size(1_000, 20_000)
const POLLS_A_SECOND = 20
const REQUESTS_A_SECOND = 50
const LOG_BYTES_A_REQUEST = 2_048

let redis: OwnRedis
let postgres: OwnPostgres
let house: House
let poller: Poller
beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([ownRedis(), ownPostgres()])
  house = await openHouse(
    { REDIS_URL: redis.url, DATABASE_URL: postgres.url },
    '[timeouts]\nfirst_byte_ms = 1000\n[tenants."acme"]\ntpm = 100000000\nconcurrency = 10000',
  )
  const { url } = house.gateway
  poller = await startPoller({ healthz: `${url}/healthz`, readyz: `${url}/readyz` }, POLLS_A_SECOND)
}, 60_000)
afterAll(async () => {
  await poller.stop()
  await house.close()
  await Promise.all([redis.close(), postgres.close()])
})

/** What the upstream does with every request meanwhile. */
function upstreamDoes(spoilt: Partial<Choice>): { begin(): void; end(): void } {
  const asMarked = house.upstream.script.choose
  return {
    begin: () => {
      house.upstream.script.choose = (vendor, conversation) => ({
        ...asMarked.call(house.upstream.script, vendor, conversation),
        ...spoilt,
      })
    },
    end: () => {
      house.upstream.script.choose = asMarked
    },
  }
}

async function pauseRedis(): Promise<void> {
  const client = createClient({ url: redis.url })
  await client.connect()
  await client.sendCommand(['CLIENT', 'PAUSE', String(FAULT_MS), 'ALL'])
  client.destroy()
}

interface Trouble {
  name: string
  begin(): Promise<void> | void
  end(): Promise<void> | void
}

const troubles: readonly Trouble[] = [
  { name: 'nothing', begin: () => {}, end: () => {} },
  { name: 'Redis killed', begin: () => redis.kill(), end: () => redis.start() },
  { name: 'Redis frozen', begin: () => redis.freeze(), end: () => redis.thaw() },
  { name: 'Redis paused', begin: pauseRedis, end: () => {} },
  { name: 'PostgreSQL crashed', begin: () => postgres.stop('immediate'), end: () => postgres.start() },
  { name: 'PostgreSQL frozen', begin: () => postgres.freeze(), end: () => postgres.thaw() },
  {
    name: 'both frozen',
    begin: () => {
      redis.freeze()
      postgres.freeze()
    },
    end: () => {
      redis.thaw()
      postgres.thaw()
    },
  },
  ...(
    [
      ['upstream down', { scene: { name: 'error', argument: 503 } }],
      ['upstream silent', { fault: namedFault('stall-head', undefined) }],
      ['upstream resets', { fault: namedFault('cut-head-rst', 1) }],
      ['upstream breaks off', { fault: namedFault('cut-fin', 300) }],
    ] as const
  ).map(([name, spoilt]) => {
    const of = (): ReturnType<typeof upstreamDoes> => (made ??= upstreamDoes(spoilt))
    let made: ReturnType<typeof upstreamDoes> | undefined
    return { name, begin: () => of().begin(), end: () => of().end() }
  }),
]

async function allUp(): Promise<boolean> {
  return !(await (await fetch(`${house.gateway.url}/readyz`)).text()).includes('"up":false')
}

const all = new Map<string, Polls>()
let asked = 0

describe('F5', () => {
  test.each(troubles)(
    '$name: both answer at once',
    async ({ name, begin, end }) => {
      const load = startLoad(house, REQUESTS_A_SECOND)
      poller.take()
      await begin()
      await Bun.sleep(FAULT_MS)
      await end()
      // Its recovery belongs to it; the next one finds everything well.
      await until(allUp, 10_000)
      const polls = poller.take()
      asked += (await load.stop()).asked
      const p99 = (which: string): number => percentile(polls.get(which)?.milliseconds ?? [], 0.99)
      figure('F5', {
        fault: name.replaceAll(' ', '_'),
        n: polls.get('healthz')?.milliseconds.length ?? 0,
        healthz_p99_ms: p99('healthz'),
        readyz_p99_ms: p99('readyz'),
        bare_p99_ms: p99(BARE),
      })
      for (const which of ['healthz', 'readyz']) {
        const { milliseconds, statuses } = polls.get(which) ?? { milliseconds: [], statuses: new Map() }
        expect([which, [...statuses.keys()]]).toEqual([which, [200]])
        // With every commit there are too few to say anything of one in a hundred: that is said of all together.
        if (isLong) expect(p99(which)).toBeLessThanOrEqual(allowedMs(LIMIT_MS, polls))
        else expect(percentile(milliseconds, 0.9)).toBeLessThanOrEqual(allowedMs(LIMIT_MS, polls))
      }
      for (const [which, { milliseconds }] of polls) {
        const sum: Polls = all.get(which) ?? { milliseconds: [], statuses: new Map() }
        sum.milliseconds.push(...milliseconds)
        all.set(which, sum)
      }
    },
    120_000,
  )

  test('through all of them', () => {
    const p99 = (which: string): number => percentile(all.get(which)?.milliseconds ?? [], 0.99)
    const n = (all.get('healthz')?.milliseconds.length ?? 0) + (all.get('readyz')?.milliseconds.length ?? 0)
    figure('F5', {
      faults: troubles.length - 1,
      n,
      healthz_p99_ms: p99('healthz'),
      readyz_p99_ms: p99('readyz'),
      bare_p99_ms: p99(BARE),
    })
    expect(n).toBeGreaterThan((troubles.length * POLLS_A_SECOND * FAULT_MS) / 1000)
    expect(p99('healthz')).toBeLessThanOrEqual(allowedMs(LIMIT_MS, all))
    expect(p99('readyz')).toBeLessThanOrEqual(allowedMs(LIMIT_MS, all))
  })
})

test('F7: through all of them the log stays short, and says once what changed', () => {
  const { stdout } = house.gateway.output()
  const lines = stdout.trim().split('\n')
  const requests = lines.filter((line) => line.includes('"message":"request"')).length
  const others = lines.length - requests
  const away = lines.filter((line) => line.includes('"message":"a store is away"')).length
  figure('F7', {
    requests: asked,
    bytes_per_request: Math.round(Buffer.byteLength(stdout) / asked),
    lines: lines.length,
    other_lines: others,
    stores_went_away: away,
  })
  expect(requests).toBeGreaterThan(asked * 0.9)
  expect(Buffer.byteLength(stdout) / asked).toBeLessThanOrEqual(LOG_BYTES_A_REQUEST)
  // Seven losses of a store, each said once when it begins; a short one may pass unnoticed.
  expect(away).toBeGreaterThanOrEqual(3)
  expect(away).toBeLessThanOrEqual(7)
  expect(others).toBeLessThan(100)
})
