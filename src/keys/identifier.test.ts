import { describe, expect, test } from 'bun:test'
import { holds, wait } from '../platform/testing.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { Announcements } from '../store/ports/shared-state.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import { createIdentifier, KEYS_TOPIC } from './identifier.ts'
import { hashOf, newKey, shownOf } from './key-format.ts'
import { bench, NOON } from './testing.ts'

/** The status and code of what is thrown, or the tenant that was let in. */
async function outcome(caller: Promise<{ tenant: string }>): Promise<string> {
  try {
    return (await caller).tenant
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    return `${thrown.status} ${thrown.details.code ?? thrown.kind}`
  }
}

const DAY = 86_400_000

describe('who is let in', () => {
  test('a known key, at once and with its record', async () => {
    const { identifier, make, store } = bench()
    const { key, record } = await make({ tenant: 'acme' })
    await identifier.start()
    store.calls = []
    const caller = identifier.identify(new Request('http://gateway/', { headers: { 'x-api-key': key } }), {
      clientAddress: () => expect.unreachable(),
    })
    expect(caller).toEqual({ tenant: 'acme', key: record })
    expect(store.calls).toEqual([])
    await identifier.stop()
  })

  test('a key made a moment ago, by one question to the store for all who bring it', async () => {
    const { identifier, make, store, callWith } = bench()
    await identifier.refresh()
    const { key } = await make()
    store.calls = []
    const callers = await Promise.all(Array.from({ length: 50 }, () => callWith(key)))
    expect(new Set(callers.map(({ tenant }) => tenant))).toEqual(new Set(['acme']))
    expect(store.calls).toEqual(['changedSince'])
  })

  const refusals: [string, Parameters<ReturnType<typeof bench>['make']>[0], string][] = [
    ['disabled', { enabled: false }, '403 api_key_disabled'],
    ['expired', { expiresAt: NOON }, '403 api_key_expired'],
    ['disabled and expired', { enabled: false, expiresAt: NOON - DAY }, '403 api_key_disabled'],
    ['about to expire', { expiresAt: NOON + 1 }, 'acme'],
  ]
  for (const [name, parts, expected] of refusals)
    test(`${name}: ${expected}, known before or not`, async () => {
      const { identifier, make, callWith } = bench()
      const known = await make(parts)
      await identifier.refresh()
      expect(await outcome(callWith(known.key))).toBe(expected)
      const fresh = await make(parts)
      expect(await outcome(callWith(fresh.key))).toBe(expected)
    })

  test('without, with nonsense, with a key of another gateway: 401', async () => {
    const { identifier, call, callWith, random } = bench()
    await identifier.refresh()
    expect(await outcome(call({}))).toBe('401 missing_api_key')
    expect(await outcome(callWith('nonsense'))).toBe('401 invalid_api_key')
    expect(await outcome(callWith(newKey(random)))).toBe('401 invalid_api_key')
  })

  test('expiry is looked at with each call', async () => {
    const { identifier, make, callWith, clock } = bench()
    const { key } = await make({ expiresAt: NOON + 1_000 })
    await identifier.refresh()
    expect(await outcome(callWith(key))).toBe('acme')
    clock.now += 1_000
    expect(await outcome(callWith(key))).toBe('403 api_key_expired')
  })

  test('a rotated key: both secrets until the grace is over, then only the new one', async () => {
    const { identifier, make, store, callWith, clock, random } = bench()
    const { key, record } = await make()
    await identifier.refresh()
    const next = newKey(random)
    await store.update(record.id, {
      hash: hashOf(next),
      prefix: shownOf(next),
      previousHash: record.hash,
      previousUntil: NOON + DAY,
    })
    expect(await outcome(callWith(next))).toBe('acme')
    expect(await outcome(callWith(key))).toBe('acme')
    await identifier.refresh()
    expect(await outcome(callWith(key))).toBe('acme')
    clock.now += DAY
    expect(await outcome(callWith(key))).toBe('401 invalid_api_key')
    expect(await outcome(callWith(next))).toBe('acme')
  })
})

describe('following the store', () => {
  test('what is disabled, deleted, changed counts from the next poll on', async () => {
    const { identifier, make, store, callWith } = bench()
    const [one, other] = [await make(), await make()]
    await identifier.refresh()
    await store.update(one.record.id, { enabled: false })
    await store.delete(other.record.id, NOON)
    expect(await outcome(callWith(one.key))).toBe('acme')
    await identifier.refresh()
    expect(await outcome(callWith(one.key))).toBe('403 api_key_disabled')
    expect(await outcome(callWith(other.key))).toBe('401 invalid_api_key')
    await store.update(one.record.id, { enabled: true })
    await identifier.refresh()
    expect(await outcome(callWith(one.key))).toBe('acme')
  })

  test('an announcement is obeyed at once', async () => {
    const listeners: ((text: string) => void)[] = []
    const announcements: Announcements = {
      publish: () => {},
      subscribe: (topic, listener) => {
        expect(topic).toBe(KEYS_TOPIC)
        listeners.push(listener)
        return () => void listeners.pop()
      },
    }
    const { identifier, make, store, callWith } = bench({ announcements, pollMs: 3_600_000 })
    const { key, record } = await make()
    await identifier.start()
    await store.update(record.id, { enabled: false })
    for (const listener of listeners) listener(record.id)
    await identifier.refresh()
    expect(await outcome(callWith(key))).toBe('403 api_key_disabled')
    await identifier.stop()
    expect(listeners).toEqual([])
  })

  test('a slow answer that was overtaken by a deletion lets nobody in afterwards', async () => {
    const { identifier, make, store, callWith } = bench()
    await make()
    await identifier.refresh()
    const { key, record } = await make()
    const held = Promise.withResolvers<void>()
    store.hold = held.promise
    const slow = identifier.refresh()
    store.hold = undefined
    await store.delete(record.id, NOON)
    const asked = outcome(callWith(key))
    held.resolve()
    await slow
    expect(await asked).toBe('401 invalid_api_key')
  })

  test('whenever somebody asks, the answer began after the asking', async () => {
    const { identifier, make, store, callWith } = bench()
    await identifier.refresh()
    for (let steps = 0; steps < 40; steps++) {
      void identifier.refresh()
      // At every step of the question that is on its way.
      for (let step = 0; step < steps; step++) await Promise.resolve()
      const made = make()
      await identifier.refresh()
      const { key } = await made
      store.calls = []
      expect(await outcome(callWith(key))).toBe('acme')
      expect(store.calls).toEqual([])
    }
  })

  test('who asks while the store is slow waits for the next answer', async () => {
    const { identifier, make, store, callWith } = bench()
    await identifier.refresh()
    const held = Promise.withResolvers<void>()
    store.hold = held.promise
    store.calls = []
    void identifier.refresh()
    while (!store.calls.includes('changedSince')) await Promise.resolve()
    store.hold = undefined
    const { key } = await make()
    const asked = outcome(callWith(key))
    await wait(30)
    held.resolve()
    expect(await asked).toBe('acme')
  })

  test('one new key after the other', async () => {
    const { identifier, make, callWith } = bench()
    await identifier.refresh()
    for (let count = 0; count < 3; count++) {
      // Longer than the store is left in peace between two questions.
      await wait(15)
      const { key } = await make()
      expect(await outcome(callWith(key))).toBe('acme')
    }
  })

  test('a key that the store did not know is not asked for again for a while', async () => {
    const { identifier, callWith, store, random, clock } = bench()
    await identifier.refresh()
    const key = newKey(random)
    await outcome(callWith(key))
    store.calls = []
    expect(await outcome(callWith(key))).toBe('401 invalid_api_key')
    expect(store.calls).toEqual([])
    clock.now += 10_000
    await outcome(callWith(key))
    expect(store.calls).toEqual(['changedSince'])
  })

  test('more keys than a page', async () => {
    const { identifier, make, callWith } = bench()
    const made = []
    for (let index = 0; index < 2_500; index++) made.push(await make())
    await identifier.refresh()
    expect(identifier.state()).toMatchObject({ keys: 2_500, following: true, ready: true })
    for (const { key } of [made[0], made[999], made[1_000], made[2_499]].flatMap((one) => one ?? []))
      expect(await outcome(callWith(key))).toBe('acme')
  })

  test('another store behind the same address: what it does not know is gone', async () => {
    const { identifier, make, store, callWith, clock } = bench()
    const { key } = await make()
    await make()
    await identifier.refresh()
    // A backup from before the keys were made.
    store.revision = () => Promise.resolve(0)
    store.changedSince = () => Promise.resolve([])
    clock.now += 60_000
    await identifier.refresh()
    expect(await outcome(callWith(key))).toBe('401 invalid_api_key')
  })
})

describe('promises C6 and F4: the store is away', () => {
  test('known keys stay good for however long, others get 503 and the store is left alone', async () => {
    const { identifier, make, store, callWith, call, clock, random } = bench()
    const { key } = await make()
    const later = await make()
    await identifier.refresh()
    store.isDown = true
    await identifier.refresh()
    clock.now += 30 * DAY
    store.calls = []
    expect(await outcome(callWith(key))).toBe('acme')
    expect(await outcome(callWith(newKey(random)))).toBe('503 store_unavailable')
    expect(await outcome(call({}))).toBe('401 missing_api_key')
    expect(store.calls).toEqual([])
    store.isDown = false
    await store.update(later.record.id, { enabled: false })
    await identifier.refresh()
    expect(await outcome(callWith(later.key))).toBe('403 api_key_disabled')
  })

  test('it goes away during a look-up: 503, no guess counted, and later the key is good', async () => {
    const { identifier, make, store, callWith } = bench({
      guesses: {
        address: { burst: 1, perMinute: 1 },
        overall: { burst: 1, perMinute: 1 },
        addresses: 10,
      },
    })
    await identifier.refresh()
    const { key } = await make()
    store.isDown = true
    for (let tries = 0; tries < 20; tries++) {
      const error = await callWith(key).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ kind: 'unavailable', details: { retryAfterSeconds: 1 } })
    }
    store.isDown = false
    await identifier.refresh()
    expect(await outcome(callWith(key))).toBe('acme')
  })

  test('it was never there: 503 to keys, 401 to nonsense', async () => {
    const { identifier, store, call, callWith, random } = bench()
    store.isDown = true
    expect(await outcome(callWith(newKey(random)))).toBe('503 store_unavailable')
    expect(await outcome(callWith('nonsense'))).toBe('401 invalid_api_key')
    expect(await outcome(call({}))).toBe('401 missing_api_key')
    expect(identifier.state()).toMatchObject({ keys: 0, following: false, ready: false })
  })

  test('a key made while somebody guesses from the same address is good at once', async () => {
    const none = { burst: 0, perMinute: 1 }
    const { identifier, make, callWith, random } = bench({
      guesses: { address: none, overall: none, addresses: 10 },
    })
    await identifier.refresh()
    expect(await outcome(callWith(newKey(random)))).toBe('429 too_many_invalid_keys')
    const { key } = await make()
    expect(await outcome(callWith(key))).toBe('acme')
  })

  test('the first calls wait for the first answer of the store', async () => {
    const { identifier, make, store, callWith } = bench()
    const { key } = await make()
    const held = Promise.withResolvers<void>()
    store.hold = held.promise
    void identifier.refresh()
    const callers = Array.from({ length: 20 }, () => outcome(callWith(key)))
    store.calls = []
    store.hold = undefined
    held.resolve()
    expect(new Set(await Promise.all(callers))).toEqual(new Set(['acme']))
    expect(store.calls).not.toContain('findByHash')
  })

  test('a fault of the program in the store is our trouble too', async () => {
    const { identifier, make, store, callWith } = bench()
    await identifier.refresh()
    const { key } = await make()
    store.changedSince = () => Promise.reject(new TypeError('x is undefined'))
    const error = (await callWith(key).catch((thrown: unknown) => thrown)) as GatewayError
    expect(error.status).toBe(503)
    expect(error.message).not.toContain('undefined')
  })

  test('changes of the state are logged once', async () => {
    const lines: string[] = []
    const log = {
      info: (text: string) => void lines.push(text),
      warn: (text: string) => void lines.push(text),
    }
    const { identifier, store } = bench({ log })
    await identifier.refresh()
    for (const isDown of [false, true, true, false, false]) {
      store.isDown = isDown
      await identifier.refresh()
    }
    expect(lines).toEqual([expect.stringContaining('cannot be asked'), expect.stringContaining('again')])
  })
})

describe('modes', () => {
  const open = { mode: () => 'open' as const }

  test('open: nobody is asked, but a key of ours counts', async () => {
    const { identifier, make, call, callWith, random } = bench(open)
    const good = await make({ tenant: 'acme' })
    const disabled = await make({ enabled: false })
    await identifier.refresh()
    expect(await outcome(call({}))).toBe('open')
    expect(await outcome(callWith('sk-of-somebody-else'))).toBe('open')
    expect(await outcome(callWith(newKey(random)))).toBe('open')
    expect(await outcome(callWith(good.key))).toBe('acme')
    expect(await outcome(callWith(disabled.key))).toBe('403 api_key_disabled')
    expect(await outcome(call({ 'x-api-key': 'a', 'api-key': 'b' }))).toBe('400 invalid_request')
  })

  test('open: inventing keys is neither answered nor a burden to the store', async () => {
    const { identifier, store, callWith, random } = bench(open)
    await identifier.refresh()
    store.calls = []
    const began = performance.now()
    for (let round = 0; round < 20; round++) {
      const crowd = Array.from({ length: 50 }, () => outcome(callWith(newKey(random))))
      expect(new Set(await Promise.all(crowd))).toEqual(new Set(['open']))
    }
    expect(store.calls.length).toBeLessThanOrEqual(Math.ceil((performance.now() - began) / 10) + 1)
  })

  test('open, and the store is away: whoever it is is let in as nobody', async () => {
    const { store, callWith, random } = bench(open)
    store.isDown = true
    expect(await outcome(callWith(newKey(random)))).toBe('open')
  })

  test('open without a store: keys do not exist', async () => {
    const identifier = createIdentifier({ mode: () => 'open', now: () => NOON, pollMs: 250 })
    await identifier.start()
    const exchange = { clientAddress: () => '' }
    expect(identifier.identify(new Request('http://gateway/'), exchange)).toEqual({ tenant: 'open' })
    const two = new Request('http://gateway/', { headers: { 'api-key': 'a', 'x-api-key': 'b' } })
    expect(() => identifier.identify(two, exchange)).toThrow('two different credentials')
    await identifier.stop()
  })

  describe('first-key', () => {
    const firstKey = { mode: () => 'first-key' as const }

    test('open until a key is made, and never again, also when it is deleted', async () => {
      const { identifier, make, store, call, callWith } = bench(firstKey)
      await identifier.refresh()
      expect(await outcome(call({}))).toBe('open')
      expect(await outcome(callWith('anything'))).toBe('open')
      const { key, record } = await make()
      await identifier.refresh()
      expect(await outcome(call({}))).toBe('401 missing_api_key')
      expect(await outcome(callWith(key))).toBe('acme')
      await store.delete(record.id, NOON)
      await identifier.refresh()
      expect(await outcome(call({}))).toBe('401 missing_api_key')
    })

    test('who comes through a proxy is asked from the beginning', async () => {
      const { identifier, call } = bench(firstKey)
      await identifier.refresh()
      for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip'])
        expect(await outcome(call({ [name]: '127.0.0.1' }))).toBe('401 missing_api_key')
    })

    test('whoever comes while the first key is made is asked like everybody after it', async () => {
      const { identifier, make, callWith, random } = bench(firstKey)
      await identifier.refresh()
      await make()
      expect(await outcome(callWith(newKey(random)))).toBe('401 invalid_api_key')
    })

    test('nobody is let in as long as nobody knows whether there are keys', async () => {
      const { store, call } = bench(firstKey)
      store.isDown = true
      expect(await outcome(call({}))).toBe('503 store_unavailable')
    })
  })

  test('a reload counts at once', async () => {
    let mode: 'open' | 'keys' = 'open'
    const { identifier, call } = bench({ mode: () => mode })
    await identifier.refresh()
    expect(await outcome(call({}))).toBe('open')
    mode = 'keys'
    expect(await outcome(call({}))).toBe('401 missing_api_key')
  })
})

describe('refusals', () => {
  test('are counted by their reason, and told once a minute at most', async () => {
    const lines: object[] = []
    const log = { info: () => {}, warn: (_text: string, fields = {}) => void lines.push(fields) }
    const { identifier, make, call, callWith, clock } = bench({ log, pollMs: 1 })
    const { key } = await make({ enabled: false })
    await identifier.start()
    const refuse = async (): Promise<void> => {
      for (const caller of [call({}), call({}), callWith(key), callWith('nonsense')])
        await caller.catch(() => {})
    }
    await refuse()
    expect(identifier.state().refused).toEqual({
      missing: 2,
      unknown: 1,
      disabled: 1,
      expired: 0,
      guessing: 0,
    })
    expect(await holds(() => lines.length === 1)).toBe(true)
    await refuse()
    await identifier.refresh()
    clock.now += 60_000
    expect(await holds(() => lines.length === 2)).toBe(true)
    await identifier.stop()
    expect(lines).toEqual([
      { missing: 2, unknown: 1, disabled: 1 },
      { missing: 2, unknown: 1, disabled: 1 },
    ])
  })
})

describe('last use', () => {
  test('is noted in batches: every thirty seconds and at the end', async () => {
    const { identifier, make, store, callWith, clock } = bench({ pollMs: 1 })
    const { key, record } = await make()
    await identifier.start()
    for (let calls = 0; calls < 100; calls++) await callWith(key)
    expect(store.calls).not.toContain('touch')
    clock.now += 30_000
    await callWith(key)
    expect(await holds(() => store.calls.includes('touch'))).toBe(true)
    expect((await store.get(record.id))?.lastUsedAt).toBe(NOON + 30_000)
    clock.now += 5_000
    await callWith(key)
    await identifier.stop()
    expect((await store.get(record.id))?.lastUsedAt).toBe(NOON + 35_000)
    expect(store.calls.filter((name) => name === 'touch')).toHaveLength(2)
  })

  test('is not lost while the store is away', async () => {
    const { identifier, make, store, callWith } = bench()
    const { key, record } = await make()
    await identifier.refresh()
    await callWith(key)
    store.touch = (batch) => {
      store.touch = Object.getPrototypeOf(store).touch
      expect(batch.size).toBe(1)
      return Promise.reject(new StoreUnavailable('database', 'away'))
    }
    await identifier.stop()
    await identifier.stop()
    expect((await store.get(record.id))?.lastUsedAt).toBe(NOON)
  })
})
