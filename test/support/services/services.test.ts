import { expect, test } from 'bun:test'
import { createClient } from '@redis/client'
import { Client } from 'pg'
import { installOrExplain } from './install.ts'
import { ownPostgres, testPostgres } from './postgres.ts'
import { ownRedis, testRedis } from './redis.ts'

const answersIn = async (work: Promise<unknown>, ms: number): Promise<boolean> =>
  Promise.race([
    work.then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), ms)),
  ])

test('PostgreSQL: databases of one server are apart', async () => {
  const postgres = await testPostgres()
  const urls = [await postgres.freshUrl(), await postgres.freshUrl()]
  for (const url of urls) {
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.query('create table only_here (id int)')
    await client.end()
  }
  expect(new Set(urls).size).toBe(2)
})

test('PostgreSQL of a test’s own: freezes, thaws, dies and comes back with its data', async () => {
  const postgres = await ownPostgres()
  const connect = async (): Promise<Client> => {
    const client = new Client({ connectionString: postgres.url })
    client.on('error', () => {})
    await client.connect()
    return client
  }
  const client = await connect()
  await client.query('create table kept (id int)')
  postgres.freeze()
  const late = client.query('select 1')
  expect(await answersIn(late, 300)).toBe(false)
  postgres.thaw()
  await late
  await postgres.kill()
  await expect(connect()).rejects.toThrow()
  await postgres.start()
  await (await connect()).query('select * from kept')
  await postgres.stop()
  await postgres.start()
  await (await connect()).query('select * from kept')
  await postgres.close()
})

test('Redis: shared with prefixes, own ones freeze, die and come back', async () => {
  const { url, freshPrefix } = await testRedis()
  expect(freshPrefix()).not.toBe(freshPrefix())
  expect(url).toStartWith('redis://')
  const redis = await ownRedis()
  const client = createClient({ url: redis.url, socket: { reconnectStrategy: 50 } })
  client.on('error', () => {})
  await client.connect()
  redis.freeze()
  const late = client.ping()
  expect(await answersIn(late, 200)).toBe(false)
  redis.thaw()
  await late
  await redis.kill()
  await redis.start()
  expect(await answersIn(client.ping(), 5_000)).toBe(true)
  client.destroy()
  await redis.close()
})

test('a server that is not there and cannot be installed fails with words', () => {
  const path = process.env['PATH']
  process.env['PATH'] = '/nowhere'
  try {
    expect(() => installOrExplain('Redis', ['redis-server'], 'TEST_REDIS_URL')).toThrow(
      'These tests need a real Redis: name a running one in TEST_REDIS_URL, or install it (redis-server)',
    )
  } finally {
    process.env['PATH'] = path
  }
})
