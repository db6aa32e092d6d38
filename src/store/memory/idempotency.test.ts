import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { MemoryIdempotency } from './idempotency.ts'

/** What every implementation keeps to is in test/stores; here is what only memory has: a bound. */

function keep(state: MemoryIdempotency, scope: string, size: number): void {
  const claim = state.claim(scope, 'body', 1_000)
  if (claim.state === 'execute') state.complete(scope, claim.token, new Uint8Array(size), 10_000)
}

test('the oldest answers make way, calls that run never do', () => {
  const state = new MemoryIdempotency(() => 0, 10_000)
  expect(state.claim('running', 'body', 1_000).state).toBe('execute')
  for (let number = 0; number < 50; number += 1) keep(state, `scope-${number}`, 500)
  const left = Array.from({ length: 50 }, (_, at) => state.claim(`scope-${at}`, 'body', 1).state === 'done')
  expect(left.filter(Boolean).length).toBeGreaterThan(5)
  expect(left.indexOf(true)).toBe(left.lastIndexOf(false) + 1)
  expect(state.claim('running', 'body', 1_000).state).toBe('in-flight')
})

test('an answer larger than all the room is not kept and pushes nothing out', () => {
  const state = new MemoryIdempotency(() => 0, 10_000)
  keep(state, 'small', 100)
  keep(state, 'large', 20_000)
  expect(state.claim('small', 'body', 1_000).state).toBe('done')
  expect(state.claim('large', 'body', 1_000).state).toBe('execute')
})

test('lapsed answers give their room back', () => {
  let now = 0
  const state = new MemoryIdempotency(() => now)
  for (let number = 0; number < 20; number += 1) keep(state, `scope-${number}`, 100)
  now = 10_000
  for (let number = 0; number < 20; number += 1) state.claim(`new-${number}`, 'body', 1_000)
  expect(state.bytes).toBe(0)
})

test('is bounded whatever comes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(6_000)), { maxLength: 60 }), (calls) => {
      let now = 0
      const state = new MemoryIdempotency(() => now, 9_000)
      for (const [scope, size] of calls) {
        now += size
        keep(state, `s${scope}`, size)
        expect(state.bytes).toBeGreaterThanOrEqual(0)
        expect(state.bytes).toBeLessThanOrEqual(9_000)
      }
    }),
    { numRuns: 300, seed: 3 },
  )
})
