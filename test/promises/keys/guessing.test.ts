import { describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { guessLimits } from '../../../src/keys/guesses.ts'
import { newKey } from '../../../src/keys/key-format.ts'
import { bench } from '../../../src/keys/testing.ts'
import { figure, percentile, size } from '../support/figure.ts'
import { openDesk } from './support/desk.ts'
import { callAs, openOffice } from './support/office.ts'

/** I5 nonsense never reaches the store; I7 guessing is throttled, and nobody with a key notices; I12 no two keys are mixed up. */

const withKey = (key: string): Request =>
  new Request('http://gateway/v1/models', { headers: { 'x-api-key': key } })

describe('promise I5', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const text = (length: number): string => {
    let made = ''
    for (const byte of randomBytes(length)) made += alphabet[byte % 64]
    return made
  }
  const kinds: (() => string)[] = [
    () => text(1 + (randomBytes(1)[0] ?? 0)),
    () => `XJP_${text(49)}`,
    () => `XJP_${text(43)}`,
    () => `sk-ant-${text(40)}`,
    () => {
      const key = newKey(randomBytes)
      const at = 4 + ((randomBytes(1)[0] ?? 0) % 49)
      return `${key.slice(0, at)}${key[at] === 'a' ? 'b' : 'a'}${key.slice(at + 1)}`
    },
  ]

  test('random strings: no call to the store, each in microseconds', async () => {
    const { identifier, store } = bench()
    await identifier.refresh()
    store.calls = []
    const exchange = { clientAddress: () => '192.0.2.1' }
    const n = size(100_000, 1_000_000)
    let letIn = 0
    const times: number[] = []
    for (let tries = 0; tries < n; tries++) {
      const request = withKey((kinds[tries % kinds.length] ?? text)(8))
      const began = performance.now()
      try {
        identifier.identify(request, exchange)
        letIn += 1
      } catch {}
      times.push((performance.now() - began) * 1_000)
    }
    expect(letIn).toBe(0)
    expect(store.calls).toEqual([])
    const median = percentile(times, 0.5)
    const mean = times.reduce((sum, time) => sum + time, 0) / n
    expect(mean).toBeLessThan(20)
    figure('I5', {
      n,
      store_calls: store.calls.length,
      let_in: letIn,
      microseconds_mean: mean.toFixed(1),
      microseconds_p50: median.toFixed(1),
      microseconds_p99: percentile(times, 0.99).toFixed(1),
    })
  }, 300_000)
})

describe('promise I7', () => {
  const scenes = [
    { addresses: 1, budget: guessLimits.address },
    { addresses: 200, budget: guessLimits.overall },
  ]
  test.each(scenes)('10,000 wrong keys from $addresses addresses', async ({ addresses, budget }) => {
    const desk = await openDesk()
    try {
      const owners = await Promise.all(Array.from({ length: 20 }, () => desk.issue()))
      await desk.settled()
      const found: Record<number, number> = {}
      let failures = 0
      let latecomers = 0
      const began = performance.now()
      const guessOnce = async (guess: number): Promise<void> => {
        const address = `198.51.100.${guess % addresses}`
        // Half of them look like keys, so that only the store can tell.
        const wrong = guess % 2 === 0 ? newKey(randomBytes) : `XJP_${guess}`
        const { status } = await desk.ask(withKey(wrong), address)
        found[status] = (found[status] ?? 0) + 1
        const owner = owners[guess % owners.length]
        if (owner && (await desk.ask(withKey(owner.key), address)).status !== 200) failures += 1
        // Now and then somebody gets a key in the middle of it, behind the address of who guesses, and uses it at once.
        if (guess % 500 !== 499) return
        const late = await desk.issue()
        if ((await desk.ask(withKey(late.key), address)).status !== 200) failures += 1
        latecomers += 1
      }
      for (let from = 0; from < 10_000; from += 100)
        await Promise.all(Array.from({ length: 100 }, (_, index) => guessOnce(from + index)))
      const minutes = (performance.now() - began) / 60_000
      const allowed = Math.ceil(budget.burst + budget.perMinute * minutes)
      expect((found[401] ?? 0) + (found[429] ?? 0)).toBe(10_000)
      expect(found[401] ?? 0).toBeLessThanOrEqual(allowed)
      expect(failures).toBe(0)
      figure('I7', {
        n: 10_000,
        addresses,
        answered: found[401] ?? 0,
        budget: allowed,
        owners_calls: 10_000 + latecomers,
        owners_failures: failures,
      })
    } finally {
      await desk.close()
    }
  })

  test('over connections, in a crowd: a refusal says when to come again, and owners do not notice', async () => {
    const office = await openOffice()
    try {
      const url = office.gateways[0]?.url ?? ''
      const { key } = await office.issue()
      const guesses = Array.from({ length: size(1_000, 10_000) }, () => newKey(randomBytes))
      const statuses: Record<number, number> = {}
      let failures = 0
      const began = performance.now()
      const workers = Array.from({ length: 20 }, async () => {
        for (let guess = guesses.pop(); guess !== undefined; guess = guesses.pop()) {
          const found = await callAs(url, guess)
          statuses[found.status] = (statuses[found.status] ?? 0) + 1
          if (found.status === 429) expect(Number(found.headers.get('retry-after'))).toBeGreaterThan(0)
          if ((await callAs(url, key)).status !== 200) failures += 1
        }
      })
      await Promise.all(workers)
      const minutes = (performance.now() - began) / 60_000
      expect(Object.keys(statuses).sort()).toEqual(['401', '429'])
      const allowed = guessLimits.address.burst + guessLimits.address.perMinute * minutes
      expect(statuses[401] ?? 0).toBeLessThanOrEqual(Math.ceil(allowed))
      expect(failures).toBe(0)
      figure('I7 over connections', { answered: statuses[401] ?? 0, refused: statuses[429] ?? 0, failures })
    } finally {
      await office.close()
    }
  }, 120_000)
})

describe('promise I12', () => {
  test('pairs with a common beginning: one is known, its twin is not, and what is remembered is what is stored', async () => {
    const plenty = { burst: 1e9, perMinute: 1e9 }
    const { identifier, make, store, callWith } = bench({
      guesses: { address: plenty, overall: plenty, addresses: 10 },
    })
    const owners: Awaited<ReturnType<typeof make>>[] = []
    for (let count = 0; count < 200; count++)
      owners.push(await make({ tenant: `tenant-${count}`, limits: { requestsPerMinute: count + 1 } }))
    await identifier.refresh()
    const n = 100_000
    let collisions = 0
    const tryPair = async (pair: number): Promise<void> => {
      const owner = owners[pair % owners.length]
      if (!owner) return
      // A right key of its own that shares up to 31 of the 32 bytes.
      const bytes = Buffer.from(owner.key.slice(4, 47), 'base64url')
      randomBytes(1 + (pair % 31)).copy(bytes, 31 - (pair % 31))
      const twin = newKey(() => bytes)
      const stranger = twin === owner.key ? undefined : callWith(twin).catch(() => undefined)
      const cached = await callWith(owner.key)
      if (cached.key?.id !== owner.record.id || cached.tenant !== owner.record.tenant) collisions += 1
      if ((await stranger) !== undefined) collisions += 1
      if (pair % 1_000 > 0) return
      const fresh = await store.get(owner.record.id)
      expect(cached.key).toEqual(fresh as NonNullable<typeof fresh>)
    }
    for (let from = 0; from < n; from += 1_000)
      await Promise.all(Array.from({ length: 1_000 }, (_, index) => tryPair(from + index)))
    expect(collisions).toBe(0)
    figure('I12', { n, collisions })
  }, 300_000)
})
