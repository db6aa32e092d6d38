import { expect, test } from 'bun:test'
import { parseDollars } from '../../../src/usage/money.ts'
import { admin } from '../../stores/redis-admin.ts'
import { testPostgres } from '../../support/services/postgres.ts'
import { ownRedis } from '../../support/services/redis.ts'
import { openOffice } from '../keys/support/office.ts'
import { figure, size } from '../support/figure.ts'
import { type Answered, ask, countOf, until } from './support/ask.ts'

/** D8: a Redis that forgets costs no error, and no budget begins again. In process, with more ways, in test/stores. */

const PRICES = '[prices."openai/*"]\ninput = 0\noutput = 10\n'
const RESERVED = parseDollars('0.001')

test('promise D8: SCRIPT FLUSH, FLUSHALL and evictions under load, without the SCRIPT command', async () => {
  const redis = await ownRedis()
  await admin(redis.url, 'ACL', 'SETUSER', 'gateway', 'on', '>secret', '~*', '&*', '+@all', '-script')
  const office = await openOffice({
    replicas: 2,
    databaseUrl: await (await testPostgres()).freshUrl(),
    redisUrl: redis.url.replace('redis://', 'redis://gateway:secret@'),
    prefix: 'd8:',
    // The machine may be busy with other tests; this is about what is forgotten, not about time.
    redisToml: 'command_timeout_ms = 2000\n',
    toml: PRICES,
  })
  try {
    const balance = RESERVED * BigInt(size(150, 1_500))
    const { key, record } = await office.issue({
      limits: { budgetPerMonth: balance, requestsPerMinute: 1_000_000, concurrency: 1_000 },
    })
    const call = (index: number): Promise<Answered> =>
      ask(office.gateways[index % 2]?.url ?? '', { key, more: { max_tokens: 100 } })
    const ways: readonly (() => Promise<unknown>)[] = [
      () => admin(redis.url, 'SCRIPT', 'FLUSH'),
      () => admin(redis.url, 'FLUSHALL'),
      async () => {
        for (const name of await admin<string[]>(redis.url, 'KEYS', 'd8:limit:*$month*'))
          await admin(redis.url, 'DEL', name)
      },
    ]
    let spent = 0n
    let n = 0
    for (let round = 0; round < size(6, 60); round += 1) {
      const answers = Promise.all(Array.from({ length: 60 }, (_, index) => call(index)))
      await ways[round % ways.length]?.()
      const seen = await answers
      n += seen.length
      expect(countOf(seen, 200) + countOf(seen, 429)).toBe(seen.length)
      spent += seen.reduce((sum, { headers }) => sum + parseDollars(headers.get('x-xjp-cost') ?? '0'), 0n)
    }
    // All rows have arrived, and the looks that follow a seed have seen them.
    const scope = { tenant: record.tenant, keyId: record.id }
    await until(async () => (await office.database.usage.spent(scope, 0)) === spent, 10_000)
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    while (balance - spent >= RESERVED) {
      // By one replica: what its last call gave back is there before its next one asks.
      const answer = await call(0)
      n += 1
      expect(answer.status).toBe(200)
      spent += parseDollars(answer.headers.get('x-xjp-cost') ?? '')
    }
    expect((await call(0)).status).toBe(429)
    expect(spent).toBeLessThanOrEqual(balance)
    figure('D8', { n, errors: 0, drift: 0 })
  } finally {
    await office.close()
    await redis.close()
  }
}, 120_000)
