import { describe, expect, test } from 'bun:test'
import { Shedding } from './shedding.ts'

const CALL_MS = 0.1
const REFUSAL_MS = 0.007
const LIMIT_MS = 250

/** The runtime hands out at most so many events a turn; the others wait for a later one. */
const EVENTS_A_TURN = 1_024

/** A loop that works off what has come in its order, in turns, as the runtime does. */
class Loop {
  now = 0
  limitMs = LIMIT_MS
  readonly changes: string[] = []
  readonly served: number[] = []
  /** Milliseconds from the arrival to the refusal, with the moment. */
  readonly refused: { at: number; waited: number }[] = []
  readonly shedding: Shedding
  #timers: { at: number; wake: () => void }[] = []
  #afterTurn: (() => void)[] = []
  /** Moments of arrival; a function is a probe. */
  #waiting: (number | (() => void))[] = []
  #nextArrival = 0

  constructor() {
    this.shedding = new Shedding({
      limitMs: () => this.limitMs,
      now: () => this.now,
      probe: (back) => void this.#waiting.push(back),
      after: (milliseconds, wake) => void this.#timers.push({ at: this.now + milliseconds, wake }),
      afterTurn: (wake) => void this.#afterTurn.push(wake),
      onChange: (change) => void this.changes.push(change.overloaded ? 'overloaded' : 'over'),
    })
  }

  get timers(): number {
    return this.#timers.length
  }

  /** So many calls at once. */
  burst(count: number): void {
    for (let each = 0; each < count; each += 1) this.#waiting.push(this.now)
  }

  /** So many calls a second, evenly. `otherMs`: other work of each turn, such as streams. */
  run(milliseconds: number, perSecond: number, otherMs = 0): void {
    const end = this.now + milliseconds
    this.#nextArrival = this.now
    while (this.now < end) {
      for (; this.#nextArrival <= this.now && perSecond > 0; this.#nextArrival += 1000 / perSecond)
        this.#waiting.push(this.#nextArrival)
      this.#turn(otherMs)
    }
  }

  #turn(otherMs: number): void {
    const begun = this.now
    for (const event of this.#waiting.splice(0, EVENTS_A_TURN)) {
      if (typeof event === 'function') event()
      else if (this.shedding.refuses()) {
        this.now += REFUSAL_MS
        this.refused.push({ at: this.now, waited: this.now - event })
      } else {
        this.now += CALL_MS
        this.served.push(this.now - event)
      }
    }
    for (const wake of this.#afterTurn.splice(0)) wake()
    this.now += otherMs
    const due = this.#timers.filter((timer) => timer.at <= this.now)
    this.#timers = this.#timers.filter((timer) => timer.at > this.now)
    for (const timer of due) timer.wake()
    // Nothing to do: it sleeps a little.
    if (this.now === begun) this.now += 0.05
  }
}

const MOST_PER_SECOND = 1000 / CALL_MS

test.each([0.1, 0.5, 0.9, 0.99])('at %d of what it can do nobody is refused', (share) => {
  const loop = new Loop()
  loop.run(10_000, share * MOST_PER_SECOND)
  expect(loop.refused).toHaveLength(0)
  expect(loop.changes).toEqual([])
})

describe('beyond what it can do', () => {
  test.each([
    [1.05, 0.97],
    [1.5, 0.93],
    [3, 0.82],
    [8, 0.45],
  ])('%d times: goodput stays, and refusals are quick', (times, goodput) => {
    const loop = new Loop()
    loop.run(20_000, times * MOST_PER_SECOND)
    expect(loop.changes).toEqual(['overloaded'])
    // What refusals cost is lost to calls; nothing else is.
    expect(loop.served.length / 20 / MOST_PER_SECOND).toBeGreaterThan(goodput)
    const late = loop.refused.filter(({ waited }) => waited > 10)
    // Only those that had come before it was noticed.
    const firstAt = loop.refused[0]?.at ?? Number.NaN
    expect(late.at(-1)?.at).toBeLessThan(firstAt + 1_000)
  })

  test('it is noticed when work has been late for the limit, and ends a second after the last refusal', () => {
    const loop = new Loop()
    loop.run(5_000, 2 * MOST_PER_SECOND)
    const first = loop.refused[0]?.at ?? Number.NaN
    expect(first).toBeGreaterThan(LIMIT_MS)
    expect(first).toBeLessThan(LIMIT_MS * 4)
    const refused = loop.refused.length
    loop.run(900, 0.5 * MOST_PER_SECOND)
    expect(loop.shedding.overloaded).toBe(true)
    loop.run(300, 0.5 * MOST_PER_SECOND)
    expect(loop.shedding.overloaded).toBe(false)
    expect(loop.refused.length).toBe(refused)
    expect(loop.changes).toEqual(['overloaded', 'over'])
  })

  test('streams that take nearly all of the time leave one call a turn', () => {
    const loop = new Loop()
    loop.run(20_000, 1_000, 300)
    expect(loop.shedding.overloaded).toBe(true)
    expect(loop.served.length).toBeGreaterThan(60)
  })
})

test.each([100, 1_000, 2_000])('a burst of %d calls that is soon done is taken', (count) => {
  const loop = new Loop()
  loop.run(3_000, 100)
  loop.burst(count)
  loop.run(3_000, 100)
  expect(loop.refused).toHaveLength(0)
})

test('0: never', () => {
  const loop = new Loop()
  loop.limitMs = 0
  loop.run(3_000, 3 * MOST_PER_SECOND)
  expect(loop.refused).toHaveLength(0)
  expect(loop.timers).toBe(0)
})

test('switched off while it sheds, it ends', () => {
  const loop = new Loop()
  loop.run(3_000, 3 * MOST_PER_SECOND)
  expect(loop.shedding.overloaded).toBe(true)
  loop.limitMs = 0
  loop.run(500, 100)
  expect([loop.shedding.overloaded, loop.timers]).toEqual([false, 0])
})

test('without calls nobody looks at the clock', () => {
  const loop = new Loop()
  loop.run(500, 100)
  expect(loop.timers).toBeLessThanOrEqual(1)
  loop.run(2_000, 0)
  expect(loop.timers).toBe(0)
  loop.run(1_500, 2 * MOST_PER_SECOND)
  expect(loop.shedding.overloaded).toBe(true)
})

test('Retry-After: at least a second, then as long as it has lasted, at most ten', () => {
  const loop = new Loop()
  expect(loop.shedding.retryAfterSeconds()).toBe(1)
  loop.run(5_000, 3 * MOST_PER_SECOND)
  expect(loop.shedding.retryAfterSeconds()).toBe(5)
  loop.run(30_000, 3 * MOST_PER_SECOND)
  expect(loop.shedding.retryAfterSeconds()).toBe(10)
})
