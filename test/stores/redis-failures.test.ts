import { afterEach, describe, expect, test } from 'bun:test'
import type { StoreHealth } from '../../src/store/ports/shared-state.ts'
import { StoreUnavailable } from '../../src/store/ports/unavailable.ts'
import { RedisAnnouncements } from '../../src/store/redis/announcements.ts'
import { RedisConnection } from '../../src/store/redis/connection.ts'
import { figure, size } from '../promises/support/figure.ts'
import { type OwnRedis, ownRedis } from '../support/services/redis.ts'
import { untilUp } from './limit-subjects.ts'
import { admin } from './redis-admin.ts'
import { startRelay } from './redis-relay.ts'

// How the connection fails: against a server of its own that is killed, frozen, paused, slowed and starved.

const TIMEOUT = 100
/** What a busy machine may add to a timer. */
const TOLERANCE = 150

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function server(args: readonly string[] = []): Promise<OwnRedis> {
  const redis = await ownRedis(args)
  closing.push(() => redis.close())
  return redis
}

function connectTo(url: string): { redis: RedisConnection; changes: StoreHealth[] } {
  const changes: StoreHealth[] = []
  const redis = new RedisConnection({
    url,
    prefix: 'test:',
    commandTimeoutMs: TIMEOUT,
    now: Date.now,
    onChange: (health) => changes.push(health),
  })
  closing.push(() => redis.close())
  return { redis, changes }
}

/** Milliseconds until a command fails; throws when it does not. */
async function failure(redis: RedisConnection): Promise<number> {
  const begun = performance.now()
  try {
    await redis.run(['GET', 'test:x'])
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(StoreUnavailable)
    return performance.now() - begun
  }
  throw new Error('the command succeeded')
}

/** Commands one after another, as requests would come, until the breaker is open; how long the longest took. */
async function longestWait(redis: RedisConnection, commands: number): Promise<number> {
  const waits: number[] = []
  for (let count = 0; count < commands; count += 1) waits.push(await failure(redis))
  // After the first one nobody waits at all.
  expect(Math.max(...waits.slice(1))).toBeLessThan(TIMEOUT / 2)
  return Math.max(...waits)
}

describe('a Redis that is lost', () => {
  const losses: readonly (readonly [
    string,
    (server: OwnRedis) => Promise<void> | void,
    (server: OwnRedis) => Promise<void> | void,
  ])[] = [
    ['killed', (redis) => redis.kill(), (redis) => redis.start()],
    ['frozen', (redis) => redis.freeze(), (redis) => redis.thaw()],
    ['paused', (redis) => admin(redis.url, 'CLIENT', 'PAUSE', '1500', 'ALL'), () => {}],
  ]
  for (const [how, lose, regain] of losses)
    test(`${how}: one time-out, then nothing waits; it comes back by itself`, async () => {
      const own = await server()
      const { redis, changes } = connectTo(own.url)
      await untilUp(redis)
      const longest: number[] = []
      const recoveries: number[] = []
      for (let cycle = 0; cycle < size(2, 50); cycle += 1) {
        await redis.run(['SET', 'test:x', 'kept'])
        await lose(own)
        longest.push(await longestWait(redis, 20))
        expect(redis.health()).toMatchObject({ store: 'redis', up: false })
        const begun = performance.now()
        await regain(own)
        await untilUp(redis)
        recoveries.push(performance.now() - begun)
        expect(await redis.run<string>(['PING'])).toBe('PONG')
      }
      expect(Math.max(...longest)).toBeLessThan(TIMEOUT + TOLERANCE)
      expect(Math.max(...recoveries)).toBeLessThan(5_000)
      // One word when it goes, one when it comes.
      expect(changes.map(({ up }) => up)).toEqual(changes.map((_, index) => index % 2 === 0))
      figure('F2', {
        store: 'redis',
        how,
        n: longest.length,
        longest_wait_ms: Math.round(Math.max(...longest)),
        longest_recovery_ms: Math.round(Math.max(...recoveries)),
      })
    }, 300_000)

  test('slow and blackholed: the same, through a relay', async () => {
    const own = await server()
    const relay = await startRelay(own.port)
    closing.push(() => relay.close())
    const { redis } = connectTo(relay.url)
    await untilUp(redis)
    for (const delay of [500, Number.POSITIVE_INFINITY]) {
      relay.delay(delay)
      expect(await longestWait(redis, 20)).toBeLessThan(TIMEOUT + TOLERANCE)
      expect(redis.health().up).toBe(false)
      relay.delay(0)
      await untilUp(redis)
    }
  })

  test('many at once wait no longer than one, and their late answers go nowhere', async () => {
    const own = await server()
    const { redis } = connectTo(own.url)
    await untilUp(redis)
    own.freeze()
    const begun = performance.now()
    const all = Array.from({ length: 500 }, (_, index) => redis.run(['SET', 'test:late', String(index)]))
    const outcomes = await Promise.allSettled(all)
    expect(performance.now() - begun).toBeLessThan(TIMEOUT + 2 * TOLERANCE)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(0)
    own.thaw()
    await untilUp(redis)
    // A new connection: nothing of the old one can be taken for an answer to this.
    expect(await redis.run<string>(['ECHO', 'hello'])).toBe('hello')
  })
})

describe('a Redis that was never there', () => {
  test('is found when it comes', async () => {
    const own = await server()
    await own.kill()
    const { redis, changes } = connectTo(own.url)
    expect(await failure(redis)).toBeLessThan(TIMEOUT)
    await own.start()
    await untilUp(redis)
    expect(changes.at(-1)?.up).toBe(true)
  })

  test('with a wrong password it is down, and says why without the password', async () => {
    const own = await server()
    await admin(own.url, 'CONFIG', 'SET', 'requirepass', 'right')
    const { redis } = connectTo(own.url.replace('redis://', 'redis://:wrong-secret@'))
    await untilReason(redis, /WRONGPASS/)
    expect(redis.health().reason).not.toContain('wrong-secret')
    expect(await failure(redis)).toBeLessThan(TIMEOUT)
  })
})

async function untilReason(redis: RedisConnection, wanted: RegExp): Promise<void> {
  const until = Date.now() + 10_000
  while (!wanted.test(redis.health().reason ?? '')) {
    if (Date.now() > until) throw new Error(`the reason is ${redis.health().reason}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('a Redis that refuses', () => {
  test('that has no memory left is down until it has', async () => {
    const own = await server(['--maxmemory-policy', 'noeviction'])
    const { redis } = connectTo(own.url)
    await untilUp(redis)
    await admin(own.url, 'CONFIG', 'SET', 'maxmemory', '1mb')
    await expect(redis.run(['SET', 'test:x', 'y'.repeat(500_000)])).rejects.toBeInstanceOf(StoreUnavailable)
    expect(redis.health()).toMatchObject({ up: false, reason: expect.stringContaining('OOM') })
    await admin(own.url, 'CONFIG', 'SET', 'maxmemory', '0')
    await untilUp(redis)
  })

  test('a command that is wrong is an error of its own and takes nothing down', async () => {
    const own = await server()
    const { redis } = connectTo(own.url)
    await untilUp(redis)
    await redis.run(['SET', 'test:x', 'text'])
    await expect(redis.run(['HGET', 'test:x', 'y'])).rejects.toThrow(/WRONGTYPE/)
    expect(redis.isUp).toBe(true)
  })

  test('answers as bytes come as they are', async () => {
    const own = await server()
    const { redis } = connectTo(own.url)
    await untilUp(redis)
    const bytes = Buffer.from([0, 255, 13, 10, 128])
    await redis.run(['SET', 'test:x', bytes])
    expect(await redis.run<Buffer>(['GET', 'test:x'], { binary: true })).toEqual(bytes)
  })
})

describe('announcements', () => {
  test('are heard by other connections, also after Redis was away', async () => {
    const own = await server()
    const { redis: speaking } = connectTo(own.url)
    const { redis: hearing } = connectTo(own.url)
    const ear = new RedisAnnouncements(hearing)
    const mouth = new RedisAnnouncements(speaking)
    closing.push(
      () => ear.close(),
      () => mouth.close(),
    )
    let heard: ((text: string) => void) | undefined
    ear.subscribe('keys', (text) => heard?.(text))
    ear.subscribe('others', () => {
      throw new Error('another topic')
    })
    for (const text of ['first', 'after the kill']) {
      await untilUp(speaking)
      const word = new Promise<string>((resolve) => {
        heard = (said) => said === text && resolve(said)
      })
      // It is said again until the listener has found its way (back).
      const saying = setInterval(() => mouth.publish('keys', text), 20)
      expect(await word).toBe(text)
      clearInterval(saying)
      if (text !== 'first') break
      await own.kill()
      await untilUp(speaking, false)
      await own.start()
    }
  })
})
