import { describe, expect, test } from 'bun:test'
import type { Pass, Resilience } from './resilience.ts'
import { attempted, circuit, entered, failed, isPass, newWorld, snapshotOf, targetIn } from './testing.ts'

const snapshot = snapshotOf({ m: [{ circuit }] })
const target = targetIn(snapshot, 'm')

function fail(resilience: Resilience, times: number): void {
  for (let time = 0; time < times; time += 1) attempted(resilience, target, 'failure')
}

function beginMany(resilience: Resilience, count: number): Pass[] {
  return Array.from({ length: count }, () => entered(resilience, target))
}

describe('opening', () => {
  test('failures in a row open it; it says until when, and tells of it', () => {
    const { resilience, changes, events, time } = newWorld(snapshot)
    fail(resilience, 2)
    expect(resilience.standing(target)).toEqual({ open: true })
    fail(resilience, 1)
    expect(resilience.standing(target)).toEqual({ open: false, reason: 'circuit_open', retryMs: 5_000 })
    expect(resilience.enter(target)).toEqual({ open: false, reason: 'circuit_open', retryMs: 5_000 })
    expect(changes()).toEqual(['closed → open'])
    expect(events[0]).toMatchObject({ model: 'm', target: 'a/x', reason: '3 failures in a row' })
    expect(resilience.circuits()).toEqual([
      {
        model: 'm',
        target: 'a/x',
        state: 'open',
        since: time.wall,
        failuresInRow: 3,
        retryAt: time.wall + 5_000,
      },
    ])
  })

  test('a success ends the row; what is neutral neither ends nor lengthens it', () => {
    const { resilience, changes } = newWorld(snapshot)
    fail(resilience, 2)
    attempted(resilience, target, 'success')
    fail(resilience, 2)
    for (let time = 0; time < 50; time += 1) attempted(resilience, target, 'neutral')
    entered(resilience, target).release()
    expect(changes()).toEqual([])
    fail(resilience, 1)
    expect(changes()).toEqual(['closed → open'])
  })

  test('where nobody asked for a circuit the row must also last', () => {
    const slow = snapshotOf({ m: [{ circuit: { ...circuit, failureSpanMs: 5_000, minimumAttempts: 100 } }] })
    const { resilience, advance, changes } = newWorld(slow)
    fail(resilience, 20)
    advance(4_999)
    fail(resilience, 1)
    expect(changes()).toEqual([])
    advance(1)
    fail(resilience, 1)
    expect(changes()).toEqual(['closed → open'])
  })

  test('the share of failures opens it once there are enough attempts in the window', () => {
    const { resilience, advance, changes, events } = newWorld(snapshot)
    for (let time = 0; time < 3; time += 1) attempted(resilience, target, 'success')
    for (let round = 0; round < 2; round += 1) {
      fail(resilience, 2)
      attempted(resilience, target, 'success')
    }
    advance(9_000)
    expect(changes()).toEqual([])
    fail(resilience, 1)
    expect(changes()).toEqual(['closed → open'])
    expect(events[0]).toMatchObject({ reason: '5 of 10 attempts failed' })
  })

  test('what is older than the window does not count', () => {
    const { resilience, advance, changes } = newWorld(snapshot)
    for (let round = 0; round < 3; round += 1) {
      fail(resilience, 2)
      attempted(resilience, target, 'success')
    }
    advance(10_000)
    fail(resilience, 2)
    expect(changes()).toEqual([])
  })

  test('answers that break after their first content count as failures, one after the other', () => {
    const { resilience, changes } = newWorld(snapshot)
    for (let time = 0; time < 3; time += 1) {
      expect(changes()).toEqual([])
      const pass = entered(resilience, target)
      pass.end({ kind: 'success', firstContentMs: 5 })
      pass.broke()
      pass.broke()
      pass.release()
    }
    expect(changes()).toEqual(['closed → open'])
  })
})

describe('half open', () => {
  function rested(world: ReturnType<typeof newWorld>): void {
    fail(world.resilience, 3)
    world.advance(5_000)
  }

  test('one probe at a time; enough successes close it', () => {
    const world = newWorld(snapshot)
    const { resilience, changes } = world
    rested(world)
    expect(resilience.circuits()[0]).toMatchObject({ state: 'half_open', failuresInRow: 3 })
    const probe = entered(resilience, target)
    expect(probe.probe).toBe(true)
    expect(resilience.enter(target)).toEqual({ open: false, reason: 'circuit_open', retryMs: 1_000 })
    probe.end({ kind: 'success', firstContentMs: 5 })
    attempted(resilience, target, 'success')
    expect(changes()).toEqual(['closed → open', 'open → half_open', 'half_open → closed'])
    expect(resilience.circuits()[0]).toMatchObject({ state: 'closed', failuresInRow: 0 })
    expect(entered(resilience, target).probe).toBe(false)
  })

  test('it is half open from when its rest was over, whenever somebody looks', () => {
    const world = newWorld(snapshot)
    rested(world)
    world.advance(60_000)
    expect(world.resilience.circuits()[0]).toMatchObject({
      state: 'half_open',
      since: world.time.wall - 60_000,
    })
  })

  test('one failure opens it again for its whole time', () => {
    const world = newWorld(snapshot)
    const { resilience, changes, advance } = world
    rested(world)
    fail(resilience, 1)
    advance(4_999)
    expect(resilience.standing(target)).toEqual({ open: false, reason: 'circuit_open', retryMs: 1 })
    advance(1)
    expect(resilience.standing(target)).toEqual({ open: true })
    expect(changes()).toEqual(['closed → open', 'open → half_open', 'half_open → open', 'open → half_open'])
  })

  test('a probe that never ends gives its place back by itself', () => {
    const world = newWorld(snapshot)
    const { resilience, advance } = world
    rested(world)
    entered(resilience, target)
    advance(29_999)
    expect(resilience.standing(target)).toMatchObject({ open: false, retryMs: 1 })
    advance(1)
    expect(resilience.standing(target)).toEqual({ open: true })
    attempted(resilience, target, 'success')
    attempted(resilience, target, 'success')
    expect(resilience.circuits()[0]?.state).toBe('closed')
  })

  test('what began before the change says nothing any more', () => {
    const world = newWorld(snapshot)
    const { resilience, advance } = world
    const [early, late, broken] = beginMany(resilience, 3)
    broken?.end({ kind: 'success', firstContentMs: 5 })
    rested(world)
    early?.end({ kind: 'success', firstContentMs: 5 })
    expect(resilience.circuits()[0]?.state).toBe('half_open')
    late?.end({ kind: 'failure', error: failed })
    broken?.broke()
    expect(resilience.circuits()[0]).toMatchObject({ state: 'half_open', failuresInRow: 3 })
    advance(1)
    attempted(resilience, target, 'success')
    attempted(resilience, target, 'success')
    expect(resilience.circuits()[0]).toMatchObject({ state: 'closed', failuresInRow: 0 })
  })

  test('once closed it begins anew: nothing of before counts', () => {
    const share = snapshotOf({ m: [{ circuit: { ...circuit, failureThreshold: 5, windowMs: 60_000 } }] })
    const { resilience, advance, changes } = newWorld(share)
    for (let time = 0; time < 5; time += 1) attempted(resilience, target, 'success')
    fail(resilience, 5)
    advance(5_000)
    attempted(resilience, target, 'success')
    attempted(resilience, target, 'success')
    fail(resilience, 4)
    expect(changes()).toEqual(['closed → open', 'open → half_open', 'half_open → closed'])
  })

  test('a probe whose answer breaks while it is still half open opens it', () => {
    const world = newWorld(snapshot)
    const { resilience } = world
    rested(world)
    const probe = entered(resilience, target)
    probe.end({ kind: 'success', firstContentMs: 5 })
    probe.broke()
    expect(resilience.circuits()[0]?.state).toBe('open')
  })
})

describe('clocks', () => {
  test('set back, it waits no longer than its time from there', () => {
    const { resilience, time, advance } = newWorld(snapshot)
    fail(resilience, 3)
    time.monotonic -= 3_600_000
    time.wall -= 86_400_000
    expect(resilience.standing(target)).toMatchObject({ open: false, retryMs: 5_000 })
    advance(5_000)
    expect(isPass(resilience.enter(target))).toBe(true)
  })

  test('the clock of people moves nothing', () => {
    const { resilience, time } = newWorld(snapshot)
    fail(resilience, 3)
    time.wall += 86_400_000
    expect(resilience.standing(target)).toMatchObject({ open: false })
  })
})
