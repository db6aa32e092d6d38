import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Guesses, type GuessLimits, guessLimits, network } from './guesses.ts'

function guesses(limits: Partial<GuessLimits> = {}) {
  const clock = { now: 0 }
  return { clock, guesses: new Guesses(() => clock.now, { ...guessLimits, ...limits }) }
}

test('an address has its budget, gets it back evenly, and who waits as told is answered', () => {
  const { clock, guesses: one } = guesses({ address: { burst: 3, perMinute: 6 } })
  expect([1, 2, 3].map(() => one.take('a'))).toEqual([undefined, undefined, undefined])
  const wait = one.take('a')
  expect(wait).toBe(10)
  clock.now += (wait ?? 0) * 1000
  expect(one.take('a')).toBeUndefined()
  expect(one.take('a')).toBe(10)
  expect(one.take('b')).toBeUndefined()
})

test('all addresses together have a budget too', () => {
  const { guesses: all } = guesses({ overall: { burst: 50, perMinute: 50 } })
  const answered = Array.from({ length: 1_000 }, (_, index) => all.take(`10.0.0.${index}`)).filter(
    (wait) => wait === undefined,
  )
  expect(answered).toHaveLength(50)
})

test('never more than the burst and what time gave, however the clock jumps', () => {
  const limits = { address: { burst: 5, perMinute: 30 }, overall: { burst: 12, perMinute: 60 } }
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: -5_000, max: 20_000 }), fc.constantFrom('a', 'b', 'c')), {
        maxLength: 200,
      }),
      (steps) => {
        const { clock, guesses: all } = guesses(limits)
        clock.now = 1_000_000
        let forward = 0
        const answered: Record<string, number> = { a: 0, b: 0, c: 0 }
        for (const [step, address] of steps) {
          clock.now += step
          forward += Math.max(0, step)
          if (all.take(address) === undefined) answered[address] = (answered[address] ?? 0) + 1
        }
        for (const count of Object.values(answered))
          expect(count).toBeLessThanOrEqual(5 + (forward * 30) / 60_000 + 1e-3)
        const total = Object.values(answered).reduce((sum, count) => sum + count, 0)
        expect(total).toBeLessThanOrEqual(12 + (forward * 60) / 60_000 + 1e-3)
      },
    ),
    { numRuns: 500 },
  )
})

test('a clock that is set back gives nothing', () => {
  const { clock, guesses: one } = guesses({ address: { burst: 2, perMinute: 60 } })
  clock.now = 86_400_000
  expect([one.take('a'), one.take('a')]).toEqual([undefined, undefined])
  clock.now -= 3_600_000
  expect(one.take('a')).toBe(1)
})

test('memory is bounded', () => {
  const { guesses: many } = guesses({ addresses: 100 })
  for (let index = 0; index < 10_000; index++) many.take(`192.0.2.${index}`)
  expect(many.size).toBe(100)
})

const networks: [string, string][] = [
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0DB8:0001:0002::6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['', ''],
]
test.each(networks)('%s belongs to %s', (address, name) => expect(network(address)).toBe(name))
