import { afterAll, describe, expect, test } from 'bun:test'
import type { Claim, MoneyClaim } from '../../src/store/ports/shared-state.ts'
import { noteForReport } from '../support/services/report.ts'
import { admitted, closeSubjects, refused, type Subject, subjects } from './limit-subjects.ts'

// The port's promises, against every implementation.

const MINUTE = 60_000
const DAY = 86_400_000

const rpm = (limit: number, amount = 1): Claim => ({
  kind: 'window',
  name: 'rpm',
  limit,
  amount,
  windowMs: MINUTE,
})
const rpd = (limit: number, amount = 1): Claim => ({
  kind: 'window',
  name: 'rpd',
  limit,
  amount,
  windowMs: DAY,
})
const slot = (limit: number): Claim => ({ kind: 'slot', name: 'slots', limit })
const burst = (perMinute: number, size: number): Claim => ({
  kind: 'burst',
  name: 'burst',
  perMinute,
  burst: size,
})
const budget = (subject: Subject, limit: bigint, amount: bigint): MoneyClaim => ({
  kind: 'money',
  name: 'budget',
  limit,
  amount,
  scope: { tenant: 't' },
  from: subject.now() - MINUTE,
  until: subject.now() + DAY,
})

afterAll(closeSubjects)

for (const { name, open } of subjects)
  describe(`limits in ${name}`, () => {
    noteForReport(`limits: ${name}`)
    const check = (title: string, run: (subject: Subject) => Promise<void>): void => {
      test(title, async () => {
        const subject = await open()
        try {
          await run(subject)
        } finally {
          await subject.close()
        }
      })
    }

    check('a window admits its limit and not one more, and says when it will', async (subject) => {
      for (let count = 1; count <= 5; count += 1)
        expect((await admitted(subject.state.admit([rpm(5)]))).states[0]?.remaining).toBe(5 - count)
      const { retryMs, refused: index, states } = await refused(subject.state.admit([rpm(5)]))
      expect({ index, remaining: states[0]?.remaining, same: states[0]?.resetMs === retryMs }).toEqual({
        index: 0,
        remaining: 0,
        same: true,
      })
      subject.advance((retryMs ?? 0) - 1)
      await refused(subject.state.admit([rpm(5)]))
      subject.advance(1)
      await admitted(subject.state.admit([rpm(5)]))
    })

    check('a window of a day gives back by quarters of an hour', async (subject) => {
      await admitted(subject.state.admit([rpd(2)]))
      subject.advance(3_600_000)
      await admitted(subject.state.admit([rpd(2)]))
      const { retryMs = 0 } = await refused(subject.state.admit([rpd(2)]))
      expect(retryMs).toBeGreaterThanOrEqual(DAY - 3_600_000)
      expect(retryMs).toBeLessThanOrEqual(DAY - 3_600_000 + 900_000)
      subject.advance(retryMs)
      expect((await admitted(subject.state.admit([rpd(2)]))).states[0]?.remaining).toBe(0)
    })

    check('what stood still for long begins anew', async (subject) => {
      for (const pause of [61_000, 3 * MINUTE, 10 * DAY]) {
        await admitted(subject.state.admit([rpm(1)]))
        await refused(subject.state.admit([rpm(1)]))
        subject.advance(pause)
      }
      await admitted(subject.state.admit([rpm(1)]))
    })

    check('all claims are admitted together or not at all', async (subject) => {
      await admitted(subject.state.admit([slot(1)]))
      const { refused: index } = await refused(subject.state.admit([rpm(3), burst(60, 3), slot(1)]))
      expect(index).toBe(2)
      const { states } = await admitted(subject.state.admit([rpm(3), burst(60, 3)]))
      expect(states.map(({ remaining }) => remaining)).toEqual([2, 2])
    })

    check('a burst is let through at once and comes back evenly', async (subject) => {
      for (const left of [2, 1, 0])
        expect((await admitted(subject.state.admit([burst(7, 3)]))).states[0]?.remaining).toBe(left)
      const { retryMs = 0 } = await refused(subject.state.admit([burst(7, 3)]))
      expect(retryMs).toBeCloseTo(60_000 / 7, -1)
      subject.advance(Math.ceil(retryMs))
      expect((await admitted(subject.state.admit([burst(7, 3)]))).states[0]?.remaining).toBe(0)
      await refused(subject.state.admit([burst(7, 3)]))
      subject.advance(MINUTE)
      expect((await admitted(subject.state.admit([burst(7, 3)]))).states[0]?.remaining).toBe(2)
    })

    check('a slot is free as soon as its call gives it back, once', async (subject) => {
      const first = await admitted(subject.state.admit([slot(2)]))
      await admitted(subject.state.admit([slot(2)]))
      await refused(subject.state.admit([slot(2)]))
      first.lease.release()
      first.lease.release()
      first.lease.settle([undefined])
      first.lease.settle([undefined])
      await admitted(subject.state.admit([slot(2)]))
      expect(await refused(subject.state.admit([slot(2)]))).toMatchObject({ refused: 0, retryMs: 1000 })
    })

    check('tokens that were not used come back, more than reserved is counted', async (subject) => {
      const first = await admitted(subject.state.admit([rpm(100, 60)]))
      await refused(subject.state.admit([rpm(100, 60)]))
      first.lease.settle([10])
      const second = await admitted(subject.state.admit([rpm(100, 60)]))
      expect(second.states[0]?.remaining).toBe(30)
      second.lease.settle([85])
      expect((await admitted(subject.state.admit([rpm(100, 0)]))).states[0]?.remaining).toBe(5)
      second.lease.settle([0])
      expect((await admitted(subject.state.admit([rpm(100, 0)]))).states[0]?.remaining).toBe(5)
    })

    check('what is settled after its window has gone changes nothing', async (subject) => {
      const first = await admitted(subject.state.admit([rpm(10, 8)]))
      subject.advance(2 * MINUTE)
      await admitted(subject.state.admit([rpm(10, 8)]))
      first.lease.settle([0])
      expect((await admitted(subject.state.admit([rpm(10, 0)]))).states[0]?.remaining).toBe(2)
    })

    check('what can never fit has no wait', async (subject) => {
      expect((await refused(subject.state.admit([rpm(10, 11)]))).retryMs).toBeUndefined()
      expect((await refused(subject.state.admit([budget(subject, 10n, 11n)]))).retryMs).toBeUndefined()
    })

    check('a refusal waits for the slowest of its limits', async (subject) => {
      await admitted(subject.state.admit([rpm(1), rpd(1)]))
      const { retryMs = 0, refused: index } = await refused(subject.state.admit([rpm(1), rpd(1)]))
      expect(index).toBe(0)
      expect(retryMs).toBeGreaterThanOrEqual(DAY)
    })

    check('a budget begins with what was spent, asked once', async (subject) => {
      subject.spent.set('t', 7_000_000_000_000n)
      const claim = budget(subject, 10_000_000_000_003n, 2_000_000_000_001n)
      const both = await Promise.all([subject.state.admit([claim]), subject.state.admit([claim])])
      expect(both.map((decision) => decision.admitted)).toEqual([true, false])
      expect(subject.asked()).toBe(1)
      expect(both[0]?.states[0]?.remaining).toBe(1_000_000_000_002)
      // Only a reservation stands in the way: that may end at any moment.
      expect(both[1]).toMatchObject({ refused: 0, retryMs: 1000 })
    })

    check('money is settled to the picodollar, beyond what doubles hold', async (subject) => {
      const limit = 999_999_999_999_999_999_999n
      const claim = budget(subject, limit, 999_999_999_000_000_000_000n)
      const call = await admitted(subject.state.admit([claim]))
      call.lease.settle([333_333_333_333_333_333_333n])
      const rest = limit - 333_333_333_333_333_333_333n
      await refused(subject.state.admit([{ ...claim, amount: rest + 1n }]))
      await admitted(subject.state.admit([{ ...claim, amount: rest }]))
    })

    check('a budget that is spent opens with the next period', async (subject) => {
      const claim = budget(subject, 5n, 5n)
      const call = await admitted(subject.state.admit([claim]))
      call.lease.settle([5n])
      const { retryMs } = await refused(subject.state.admit([{ ...claim, amount: 1n }]))
      expect(retryMs).toBe(DAY)
      await admitted(subject.state.admit([{ ...claim, name: 'the next day' }]))
    })

    check('a database that cannot be asked fails the call, not the budget', async (subject) => {
      const claim = budget(subject, 5n, 1n)
      const { get } = subject.spent
      subject.spent.get = () => {
        throw new Error('the database is away')
      }
      for (let call = 0; call < 3; call += 1)
        await expect(Promise.resolve(subject.state.admit([claim]))).rejects.toThrow('the database is away')
      // It is not asked by every call.
      expect(subject.asked()).toBe(1)
      subject.spent.get = get
      subject.advance(1_000)
      await new Promise((resolve) => setTimeout(resolve, 1_050))
      await admitted(subject.state.admit([claim]))
    })
  })
