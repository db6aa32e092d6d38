import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../protocol/model/error.ts'
import { Admission, type AdmissionLimits, type Candidate } from './admission.ts'

/** A clock that only tests move, with its timers. */
class Clock {
  now = 0
  #timers = new Map<object, { at: number; wake: () => void }>()

  after(milliseconds: number, wake: () => void): () => void {
    const key = {}
    this.#timers.set(key, { at: this.now + milliseconds, wake })
    return () => this.#timers.delete(key)
  }

  advance(milliseconds: number): void {
    const end = this.now + milliseconds
    for (;;) {
      const [next] = [...this.#timers].sort(([, one], [, other]) => one.at - other.at)
      if (next === undefined || next[1].at > end) break
      this.#timers.delete(next[0])
      this.now = next[1].at
      next[1].wake()
    }
    this.now = end
  }

  get timers(): number {
    return this.#timers.size
  }
}

/** One call as a test sees it. */
class Caller implements Candidate {
  readonly #leaving = new AbortController()
  readonly request = { signal: this.#leaving.signal }
  readonly identity: { tenant: string }
  state: 'waiting' | 'held' | 'refused' | 'gone' = 'waiting'
  waitedMs: number | undefined
  error: GatewayError | undefined

  constructor(tenant: string) {
    this.identity = { tenant }
  }

  leave(): void {
    this.#leaving.abort()
  }
}

class Stage {
  readonly clock = new Clock()
  limits: AdmissionLimits
  readonly admission: Admission

  constructor(maxInflight: number | undefined, size = 0, waitMs = 2_000) {
    this.limits = { ...(maxInflight === undefined ? {} : { maxInflight }), queue: { size, waitMs } }
    this.admission = new Admission({
      limits: () => this.limits,
      now: () => this.clock.now,
      after: (milliseconds, wake) => this.clock.after(milliseconds, wake),
    })
  }

  /** Comes, and is told at once whether it has a place; who waits learns it in a microtask. */
  come(tenant = 'a'): Caller {
    const caller = new Caller(tenant)
    const told = (error: unknown): void => {
      caller.state = 'refused'
      caller.error = error instanceof GatewayError ? error : undefined
    }
    try {
      this.admission.check(caller)
      const waits = this.admission.take(caller)
      if (waits === undefined) caller.state = 'held'
      else
        waits.then((waited) => {
          caller.state = 'held'
          caller.waitedMs = waited
        }, told)
    } catch (thrown) {
      told(thrown)
    }
    return caller
  }

  end(caller: Caller): void {
    caller.state = 'gone'
    this.admission.release(caller)
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('places', () => {
  test('without a limit everybody has one', () => {
    const stage = new Stage(undefined)
    for (let count = 0; count < 1_000; count += 1) expect(stage.come().state).toBe('held')
    expect(stage.admission.held).toBe(1_000)
  })

  test('beyond the limit, without a queue, calls are refused at once', () => {
    const stage = new Stage(2)
    const [one] = [stage.come(), stage.come()]
    const third = stage.come()
    expect([third.error?.status, third.error?.details.code]).toEqual([503, 'max_inflight'])
    stage.end(one)
    expect(stage.come().state).toBe('held')
  })

  test('a place is given back once', () => {
    const stage = new Stage(2)
    const one = stage.come()
    stage.come()
    stage.end(one)
    stage.end(one)
    expect(stage.admission.held).toBe(1)
  })

  test('who waits gets the next place, and is told how long it took', async () => {
    const stage = new Stage(1, 5)
    const first = stage.come()
    const second = stage.come()
    stage.clock.advance(700)
    stage.end(first)
    await settled()
    expect([second.state, second.waitedMs]).toEqual(['held', 700])
    expect(stage.clock.timers).toBe(0)
  })

  test('a limit that was raised counts with the next call', async () => {
    const stage = new Stage(1, 5)
    stage.come()
    const second = stage.come()
    stage.limits = { maxInflight: 3, queue: stage.limits.queue }
    const third = stage.come()
    await settled()
    expect([second.state, third.state]).toEqual(['held', 'held'])
  })
})

describe('whoever waits in vain', () => {
  test('is refused after the time', async () => {
    const stage = new Stage(1, 5, 2_000)
    stage.come()
    const second = stage.come()
    stage.clock.advance(1_999)
    await settled()
    expect(second.state).toBe('waiting')
    stage.clock.advance(1)
    await settled()
    expect([second.error?.status, stage.admission.waiting]).toEqual([503, 0])
    expect(second.error?.message).toContain('within 2000 ms')
    expect(second.error?.details.code).toBe('queue_timeout')
  })

  test('goes when its client goes', async () => {
    const stage = new Stage(1, 5)
    stage.come()
    const second = stage.come()
    second.leave()
    await settled()
    expect([second.error?.kind, stage.admission.waiting, stage.clock.timers]).toEqual(['client_closed', 0, 0])
  })

  test('is told of the shutdown when it begins, and nobody gets a place after it', async () => {
    const stage = new Stage(1, 5)
    const first = stage.come()
    const second = stage.come()
    stage.admission.drain()
    await settled()
    expect(second.error?.message).toContain('shutting down')
    stage.end(first)
    expect(stage.come().error?.message).toContain('shutting down')
  })

  test('makes room for a tenant that has nobody in the queue', async () => {
    const stage = new Stage(1, 2)
    stage.come('a')
    const [, youngest] = [stage.come('a'), stage.come('a')]
    const other = stage.come('b')
    await settled()
    expect([youngest?.state, other.state]).toEqual(['refused', 'waiting'])
  })
})

describe('Retry-After', () => {
  /** Calls of one length, as many as there are places, and a full queue. */
  async function busy(places: number, size: number, callMs: number): Promise<Stage> {
    const stage = new Stage(places, size, 600_000)
    for (let round = 0; round < 30; round += 1) {
      const calls = Array.from({ length: places }, () => stage.come())
      for (const call of calls) {
        stage.clock.advance(callMs / places)
        stage.end(call)
      }
    }
    for (let count = 0; count < places + size; count += 1) stage.come()
    await settled()
    return stage
  }

  test.each([
    [10, 0, 60_000],
    [10, 20, 5_000],
    [4, 8, 1_000],
    [100, 50, 30_000],
    [50, 10, 200],
  ])('%d places, %d waiting, calls of %d ms: it says when a place is free', async (places, size, callMs) => {
    const stage = await busy(places, size, callMs)
    const seconds = stage.come().error?.details.retryAfterSeconds ?? Number.NaN
    // The calls' ends are spread over their length: so much later all who wait now have had a place.
    const truth = ((size + 1) * callMs) / places / 1000
    expect(seconds).toBeGreaterThanOrEqual(Math.min(60, truth * 0.5))
    expect(seconds).toBeLessThanOrEqual(Math.min(60, Math.ceil(truth * 1.5 + 1)))
  })

  test('calls that last longer than all before them are seen', async () => {
    const stage = await busy(10, 0, 100)
    expect(stage.come().error?.details.retryAfterSeconds).toBe(1)
    stage.clock.advance(120_000)
    expect(stage.come().error?.details.retryAfterSeconds).toBeGreaterThan(2)
  })

  test('before any call has ended it goes by how long they have lasted', () => {
    const stage = new Stage(1)
    stage.come()
    expect(stage.come().error?.details.retryAfterSeconds).toBe(1)
    stage.clock.advance(9_500)
    expect(stage.come().error?.details.retryAfterSeconds).toBe(10)
  })
})

test('whatever happens: never too many, never one that waits beside a free place, nothing left behind', async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('come' as const), tenant: fc.constantFrom(...'abc') }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constantFrom('end' as const, 'leave' as const), which: fc.nat(40) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(1_500) }) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(5),
      async (steps, places, size) => {
        const stage = new Stage(places, size, 2_000)
        const callers: Caller[] = []
        for (const each of steps) {
          if (each.kind === 'come') callers.push(stage.come(each.tenant))
          else if (each.kind === 'pass') stage.clock.advance(each.ms)
          else {
            const caller = callers[each.which]
            if (caller && each.kind === 'end' && caller.state === 'held') stage.end(caller)
            if (caller && each.kind === 'leave' && caller.state === 'waiting') caller.leave()
          }
          await settled()
          const count = (state: Caller['state']): number =>
            callers.filter((caller) => caller.state === state).length
          expect(count('held')).toBe(stage.admission.held)
          expect(count('waiting')).toBe(stage.admission.waiting)
          expect(stage.admission.held).toBeLessThanOrEqual(places)
          expect(stage.admission.waiting).toBeLessThanOrEqual(size)
          expect(stage.admission.waiting === 0 || stage.admission.held === places).toBe(true)
        }
        stage.clock.advance(2_000)
        for (const caller of callers) if (caller.state === 'held') stage.end(caller)
        await settled()
        for (const caller of callers) if (caller.state === 'held') stage.end(caller)
        expect([stage.admission.held, stage.admission.waiting, stage.clock.timers]).toEqual([0, 0, 0])
      },
    ),
    { numRuns: 300 },
  )
})
