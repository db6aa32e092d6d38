import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Target } from '../pipeline/target.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { HEDGE_RESERVE, RETRY_RESERVE } from './budget.ts'
import { MAXIMUM_ROUTES } from './routes.ts'
import {
  attempted,
  circuit,
  entered,
  isPass,
  limited,
  newWorld,
  snapshotOf,
  targetIn,
  targetOf,
  targetWith,
} from './testing.ts'

describe('circuits of a configuration', () => {
  test('configured routes are listed before they were ever called, those without a circuit never', () => {
    const { resilience } = newWorld(
      snapshotOf({
        m: [{ circuit }, { provider: 'b', circuit, region: 'eu' }],
        plain: [{}],
        'n-*': [{ circuit, model: '*' }],
      }),
    )
    expect(resilience.circuits().map(({ model, target, state }) => `${model} ${target} ${state}`)).toEqual([
      'm a/x closed',
      'm b/x@eu closed',
      'n-* a/* closed',
    ])
  })

  test('state survives a reload, and changed settings hold at once', () => {
    const before = snapshotOf({ m: [{ circuit }] })
    const { resilience, reload, advance } = newWorld(before)
    for (let time = 0; time < 3; time += 1) attempted(resilience, targetIn(before, 'm'), 'failure')
    const after = snapshotOf({ m: [{ circuit: { ...circuit, openMs: 60_000 } }] })
    reload(after)
    expect(resilience.circuits()[0]).toMatchObject({ state: 'open', failuresInRow: 3 })
    expect(resilience.standing(targetIn(after, 'm'))).toMatchObject({ open: false, retryMs: 60_000 })
    advance(59_999)
    // A call that began under the old configuration too.
    expect(resilience.standing(targetIn(before, 'm'))).toMatchObject({ open: false, retryMs: 1 })
    reload(snapshotOf({ other: [{ circuit }] }))
    expect(resilience.circuits().map(({ model }) => model)).toEqual(['other'])
    reload(snapshotOf({ m: [{}] }))
    expect(resilience.circuits()).toEqual([])
    expect(resilience.standing(targetIn(before, 'm'))).toEqual({ open: true })
    reload(snapshotOf({ other: [{ circuit }] }))
    expect(resilience.circuits().map(({ model }) => model)).toEqual(['other'])
  })

  test('an attempt that began before its circuit was taken away may end after it', () => {
    const before = snapshotOf({ m: [{ circuit }] })
    const { resilience, reload } = newWorld(before)
    const pass = entered(resilience, targetIn(before, 'm'))
    reload(snapshotOf({ m: [{}] }))
    resilience.circuits()
    pass.end({ kind: 'failure', error: limited() })
    pass.release()
    expect(resilience.standing(targetIn(before, 'm'))).toEqual({ open: true })
  })

  test('without a circuit a target is never closed off by failures', () => {
    const { resilience } = newWorld()
    for (let time = 0; time < 100; time += 1) attempted(resilience, targetOf('a', 'x'), 'failure')
    expect(resilience.standing(targetOf('a', 'x'))).toEqual({ open: true })
    expect(resilience.circuits()).toEqual([])
  })

  test('routes that clients name are bounded; what is open is forgotten last', () => {
    const { resilience, advance } = newWorld()
    const named = (name: string): Target =>
      targetOf('a', name, { route: `${name} → a/x`, publicModel: name, circuit })
    for (let time = 0; time < 3; time += 1) attempted(resilience, named('bad'), 'failure')
    for (let count = 0; count < MAXIMUM_ROUTES + 500; count += 1)
      attempted(resilience, named(`m${count}`), 'success')
    const circuits = resilience.circuits()
    expect(circuits.length).toBe(MAXIMUM_ROUTES)
    expect(circuits.find(({ model }) => model === 'bad')?.state).toBe('open')
    expect(resilience.standing(named('bad'))).toMatchObject({ open: false })
    advance(5_000)
    expect(resilience.standing(named('bad'))).toEqual({ open: true })
  })

  test('who holds a target of a forgotten route shares the new state with everybody', () => {
    const { resilience } = newWorld()
    const named = (name: string): Target =>
      targetOf('a', name, { route: `${name} → a/x`, publicModel: name, circuit })
    const held = named('old')
    attempted(resilience, held, 'success')
    for (let count = 0; count < MAXIMUM_ROUTES; count += 1) resilience.standing(named(`m${count}`))
    for (let time = 0; time < 3; time += 1) attempted(resilience, named('old'), 'failure')
    expect(resilience.standing(held)).toMatchObject({ open: false })
  })
})

describe('credentials', () => {
  const names = (target: Target, count: number, world = newWorld()): (string | undefined)[] =>
    Array.from({ length: count }, () => {
      const given = world.resilience.enter(target)
      return isPass(given) ? given.target.credential?.name : given.open ? 'open' : given.reason
    })

  test('the one with the fewest open calls, of equals the one not used for longest', () => {
    const target = targetWith({ name: '1' }, { name: '2' }, { name: '3' })
    expect(names(target, 7)).toEqual(['1', '2', '3', '1', '2', '3', '1'])
  })

  test('a credential that is used a lot elsewhere is spared', () => {
    const world = newWorld()
    const target = targetWith({ name: '1' }, { name: '2' })
    const elsewhere = targetOf('a', 'other', { credential: { name: '1' }, route: 'other' })
    names(elsewhere, 3, world)
    expect(names(target, 4, world)).toEqual(['2', '2', '2', '1'])
  })

  test('full ones are passed over until a call is over', () => {
    const { resilience } = newWorld()
    const target = targetWith({ name: '1', concurrency: 1 }, { name: '2', concurrency: 2 })
    const passes = [1, 2, 3].map(() => entered(resilience, target))
    expect(passes.map((pass) => pass.target.credential?.name)).toEqual(['1', '2', '2'])
    expect(resilience.enter(target)).toEqual({ open: false, reason: 'busy' })
    expect(resilience.standing(target)).toEqual({ open: false, reason: 'busy' })
    passes[0]?.end({ kind: 'success', firstContentMs: 1 })
    expect(resilience.standing(target)).toMatchObject({ open: false })
    passes[0]?.release()
    passes[0]?.release()
    expect(entered(resilience, target).target.credential?.name).toBe('1')
    expect(resilience.standing(target)).toMatchObject({ open: false })
  })

  test('a cooling one is passed over; when all cool, the first to be back says so', () => {
    const { resilience, advance } = newWorld()
    const target = targetWith({ name: '1' }, { name: '2' })
    for (const seconds of [30, 10]) {
      const pass = entered(resilience, target)
      pass.end({ kind: 'neutral', error: limited(seconds) })
      pass.release()
    }
    const standing = resilience.standing(target)
    expect(standing).toMatchObject({ open: false, reason: 'cooling', retryMs: 10_000 })
    advance(10_000)
    expect(entered(resilience, target).target.credential?.name).toBe('2')
  })

  test('a refused one rests altogether when there are others, and is tried on when there are none', () => {
    const { resilience, advance } = newWorld()
    const error = new GatewayError('upstream_unauthenticated', 'no such key')
    for (const alone of [targetOf('a', 'x'), targetWith({ name: 'only' })])
      entered(resilience, alone).end({ kind: 'neutral', error })
    expect(resilience.cooldowns()).toEqual([])
    const target = targetWith({ name: '1' }, { name: '2' })
    entered(resilience, target).end({ kind: 'neutral', error })
    expect(resilience.cooldowns()).toMatchObject([
      { provider: 'a', credential: '1', reason: 'upstream_unauthenticated' },
    ])
    expect(resilience.cooldowns()[0]).not.toHaveProperty('model')
    const elsewhere = targetOf('a', 'other', { credential: { name: '1' }, route: 'other' })
    expect(resilience.standing(elsewhere)).toMatchObject({ open: false, reason: 'cooling' })
    advance(60_000)
    expect(resilience.standing(elsewhere)).toEqual({ open: true })
  })
})

describe('a credential that rests for two reasons', () => {
  const refused = new GatewayError('upstream_unauthenticated', 'no such key')
  for (const seconds of [10, 200])
    test(`rests for the longer time (${seconds} s and 60 s)`, () => {
      const { resilience } = newWorld()
      const [first] = targetWith({ name: '1' }, { name: '2' }).siblings ?? []
      const only = { ...(first as Target), siblings: first?.siblings?.slice(0, 1) ?? [] }
      const passes = [1, 2].map(() => entered(resilience, only))
      passes[0]?.end({ kind: 'neutral', error: limited(seconds) })
      passes[1]?.end({ kind: 'neutral', error: refused })
      expect(resilience.standing(only)).toMatchObject({ retryMs: Math.max(seconds, 60) * 1_000 })
    })
})

describe('what a pass is told twice', () => {
  test('the first end holds, and nothing after the release', () => {
    const snapshot = snapshotOf({ m: [{ circuit: { ...circuit, failureThreshold: 1 } }] })
    const target = targetIn(snapshot, 'm')
    const { resilience } = newWorld(snapshot)
    const ended = entered(resilience, target)
    ended.end({ kind: 'neutral', error: limited() })
    ended.end({ kind: 'failure', error: limited() })
    const released = entered(resilience, target)
    released.release()
    released.end({ kind: 'failure', error: limited() })
    released.broke()
    expect(resilience.circuits()[0]).toMatchObject({ state: 'closed', failuresInRow: 0 })
  })
})

describe('budgets', () => {
  const arrivals = fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 400 })
  const share = fc.double({ min: 0, max: 1, noNaN: true })

  test('further attempts never exceed the reserve, their share and one a second', () => {
    fc.assert(
      fc.property(arrivals, share, fc.integer({ min: 0, max: 4 }), (pauses, budget, wanted) => {
        const { resilience, advance } = newWorld()
        const target = targetOf('a', 'x')
        let further = 0
        let seconds = 0
        pauses.forEach((pause, calls) => {
          advance(pause)
          seconds += pause / 1_000
          resilience.earn(target, budget)
          for (let wish = 0; wish < wanted; wish += 1) if (resilience.spend(target)) further += 1
          const most = RETRY_RESERVE + Math.max(budget, Math.min(calls + 1, budget * (calls + 1) + seconds))
          expect(further).toBeLessThanOrEqual(most + 1e-6)
        })
      }),
    )
  })

  test('however long nothing came, a first attempt earns one, and the reserve stays what it is', () => {
    const { resilience, advance } = newWorld()
    const target = targetOf('a', 'x')
    const spent = (): number => {
      let count = 0
      while (resilience.spend(target)) count += 1
      return count
    }
    for (let call = 0; call < 1_000; call += 1) resilience.earn(target, 1)
    expect(spent()).toBe(RETRY_RESERVE)
    advance(3_600_000)
    resilience.earn(target, 0.1)
    expect(spent()).toBe(1)
    for (let call = 0; call < 1_000; call += 1) resilience.earnHedge('m', 1)
    let doubled = 0
    while (resilience.spendHedge('m', 1)) doubled += 1
    expect(doubled).toBe(HEDGE_RESERVE)
  })

  test('a dead upstream gets at most a tenth more once the reserve is used, and retries of few calls are never refused', () => {
    const { resilience, advance } = newWorld()
    const [busy, quiet] = [targetOf('a', 'x'), targetOf('b', 'x', { route: 'quiet' })]
    let further = 0
    const perSecond: number[] = []
    for (let second = 0; second < 60; second += 1) {
      const before = further
      for (let call = 0; call < 100; call += 1) {
        advance(10)
        resilience.earn(busy, 0.1)
        for (let wish = 0; wish < 3; wish += 1) if (resilience.spend(busy)) further += 1
      }
      perSecond.push(further - before)
      resilience.earn(quiet, 0)
      expect(resilience.spend(quiet)).toBe(true)
    }
    expect(further).toBeLessThanOrEqual(RETRY_RESERVE + 600)
    expect(Math.max(...perSecond.slice(1))).toBeLessThanOrEqual(11)
  })

  test('second attempts never exceed their reserve and share; no share, none', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), share, (calls, budget) => {
        const { resilience } = newWorld()
        let doubled = 0
        for (let call = 0; call < calls; call += 1) {
          resilience.earnHedge('m', budget)
          if (resilience.spendHedge('m', budget)) doubled += 1
        }
        expect(doubled).toBeLessThanOrEqual(budget === 0 ? 0 : HEDGE_RESERVE + budget * calls + 1e-6)
        expect(doubled).toBeGreaterThanOrEqual(
          budget === 0 ? 0 : Math.min(calls, Math.floor(budget * calls)) - 1,
        )
      }),
    )
  })
})

describe('measured times', () => {
  const measure = (world: ReturnType<typeof newWorld>, target: Target, milliseconds: number): void => {
    const pass = entered(world.resilience, target)
    pass.end({ kind: 'success', firstContentMs: milliseconds })
    pass.release()
  }

  test('nothing is known at first; then a mean that follows what is measured', () => {
    const world = newWorld()
    const target = targetOf('a', 'x')
    expect(world.resilience.latencyOf(target)).toBeUndefined()
    measure(world, target, 1_000)
    expect(world.resilience.latencyOf(target)).toBe(1_000)
    for (let time = 0; time < 30; time += 1) measure(world, target, 200)
    expect(world.resilience.latencyOf(target)).toBeCloseTo(200, 0)
    measure(world, target, Number.NaN)
    expect(world.resilience.latencyOf(target)).toBeCloseTo(200, 0)
  })

  test('a slow route that is left alone looks fast in the end; its next measurement counts for much', () => {
    const world = newWorld()
    const [slow, fast] = [targetOf('a', 'x'), targetOf('b', 'x', { route: 'fast' })]
    measure(world, slow, 4_000)
    const seconds = (): number => {
      for (let second = 1; ; second += 1) {
        world.advance(1_000)
        measure(world, fast, 500)
        if ((world.resilience.latencyOf(slow) ?? 0) < (world.resilience.latencyOf(fast) ?? 0)) return second
      }
    }
    expect(seconds()).toBeLessThan(200)
    measure(world, slow, 4_000)
    expect(world.resilience.latencyOf(slow)).toBeGreaterThan(3_900)
    expect(seconds()).toBeLessThan(200)
    measure(world, slow, 300)
    expect(world.resilience.latencyOf(slow)).toBeLessThan(650)
  })
})
