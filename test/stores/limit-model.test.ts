import { afterAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { AdmissionLease, Claim } from '../../src/store/ports/shared-state.ts'
import { size } from '../promises/support/figure.ts'
import { closeSubjects, type Subject, subjects } from './limit-subjects.ts'

// Random schedules against a model that keeps every single event.

const MINUTE = 60_000
const SLICE = 1_000
const LIMITS = { requests: 6, burst: 4, tokens: 100, slots: 3, money: 1_000n }

interface Step {
  pause: number
  tokens: number
  money: number
  /** Which of the open calls ends, and with how much of what it reserved. */
  ends: number
  used: number
}

const step: fc.Arbitrary<Step> = fc.record({
  pause: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 70_000 })),
  tokens: fc.integer({ min: 1, max: 60 }),
  money: fc.integer({ min: 0, max: 300 }),
  ends: fc.integer({ min: 0, max: 5 }),
  used: fc.double({ min: 0, max: 1, noNaN: true }),
})

interface OpenCall {
  at: number
  tokens: number
  money: number
  lease: AdmissionLease
}

/** What the limits should know, event by event. */
class Model {
  readonly requests: number[] = []
  readonly tokens: { at: number; amount: number }[] = []
  readonly open: OpenCall[] = []
  spent = 0

  requestsSince(time: number): number {
    return this.requests.filter((at) => at > time).length
  }

  tokensSince(time: number): number {
    return this.tokens.reduce((sum, { at, amount }) => (at > time ? sum + amount : sum), 0)
  }

  get reserved(): number {
    return this.open.reduce((sum, { money }) => sum + money, 0)
  }
}

function claimsOf({ tokens, money }: Step): Claim[] {
  return [
    { kind: 'window', name: 'rpm', limit: LIMITS.requests, amount: 1, windowMs: MINUTE },
    { kind: 'burst', name: 'burst', perMinute: LIMITS.requests, burst: LIMITS.burst },
    { kind: 'window', name: 'tpm', limit: LIMITS.tokens, amount: tokens, windowMs: MINUTE },
    { kind: 'slot', name: 'slots', limit: LIMITS.slots },
    {
      kind: 'money',
      name: 'budget',
      limit: LIMITS.money,
      amount: BigInt(money),
      scope: { tenant: 't' },
      from: 0,
      until: Date.UTC(2030, 0),
    },
  ]
}

async function play(subject: Subject, steps: readonly Step[]): Promise<void> {
  const model = new Model()
  for (const step of steps) {
    subject.advance(step.pause)
    const call = model.open[step.ends]
    if (call) end(model, call, step.used)
    const decision = await subject.state.admit(claimsOf(step))
    if (decision.admitted) begin(model, subject.now(), step, decision.lease)
    else expectReason(model, subject.now(), step, decision.refused)
    expectWithinLimits(model, subject.now())
    expectStates(model, decision.states)
    if (!decision.admitted && decision.retryMs !== undefined && step.ends === 5)
      await comeBack(model, subject, step, decision.retryMs)
  }
}

function begin(model: Model, at: number, { tokens, money }: Step, lease: AdmissionLease): void {
  model.requests.push(at)
  model.tokens.push({ at, amount: tokens })
  model.open.push({ at, tokens, money, lease })
}

function end(model: Model, call: OpenCall, share: number): void {
  const tokens = Math.floor(call.tokens * share)
  const money = Math.floor(call.money * share)
  call.lease.settle([undefined, undefined, tokens, undefined, BigInt(money)])
  const entry = model.tokens.find(({ at, amount }) => at === call.at && amount === call.tokens)
  if (entry) entry.amount = tokens
  model.spent += money
  model.open.splice(model.open.indexOf(call), 1)
}

/** Never above a limit, in whatever sixty seconds; never below zero. */
function expectWithinLimits(model: Model, now: number): void {
  expect(model.requestsSince(now - MINUTE)).toBeLessThanOrEqual(LIMITS.requests)
  expect(model.tokensSince(now - MINUTE)).toBeLessThanOrEqual(LIMITS.tokens)
  expect(model.open.length).toBeLessThanOrEqual(LIMITS.slots)
  expect(model.spent + model.reserved).toBeLessThanOrEqual(Number(LIMITS.money))
}

/** A refusal has its reason in the events: nothing leaks, and a slice counts a second too long at the most. */
function expectReason(model: Model, now: number, { tokens, money }: Step, refused: number): void {
  const full = [
    model.requestsSince(now - MINUTE - SLICE - 1) + 1 > LIMITS.requests,
    model.requestsSince(now - MINUTE) + 1 > LIMITS.burst,
    model.tokensSince(now - MINUTE - SLICE - 1) + tokens > LIMITS.tokens,
    model.open.length + 1 > LIMITS.slots,
    model.spent + model.reserved + money > Number(LIMITS.money),
  ]
  expect(full[refused]).toBe(true)
}

function expectStates(model: Model, states: readonly { remaining: number }[]): void {
  expect(states[3]?.remaining).toBe(LIMITS.slots - model.open.length)
  expect(states[4]?.remaining).toBe(Number(LIMITS.money) - model.spent - model.reserved)
}

/** Whoever waits as told gets in, when nobody else comes and nothing is open. */
async function comeBack(model: Model, subject: Subject, step: Step, retryMs: number): Promise<void> {
  if (model.open.length > 0 || step.money + model.spent > Number(LIMITS.money)) return
  subject.advance(Math.ceil(retryMs))
  const decision = await subject.state.admit(claimsOf(step))
  if (!decision.admitted) throw new Error(`refused after the wait: ${JSON.stringify(decision)}`)
  begin(model, subject.now(), step, decision.lease)
  expectWithinLimits(model, subject.now())
}

afterAll(closeSubjects)

for (const { name, open, scale } of subjects)
  describe(`limits in ${name}, any schedule`, () => {
    test('no window above its limit, money conserved, no slot lost, every wait true', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
          const subject = await open()
          try {
            await play(subject, steps)
          } finally {
            await subject.close()
          }
        }),
        { numRuns: Math.ceil(size(400, 4_000) * scale) },
      )
    })
  })
