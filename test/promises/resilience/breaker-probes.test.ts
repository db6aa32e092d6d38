import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { PROBE_LEASE_MILLISECONDS } from '../../../src/resilience/circuit.ts'
import type { Pass } from '../../../src/resilience/resilience.ts'
import {
  attempted,
  circuit,
  isPass,
  newWorld,
  refused,
  snapshotOf,
  targetIn,
} from '../../../src/resilience/testing.ts'
import { figure, size } from '../support/figure.ts'

// B11: half open admits exactly the configured probes, and whatever becomes of them it comes back.

const CALLERS = 1_000
/** While it recovers, so many callers come every so often. */
const ARRIVALS = { callers: 5, everyMs: 100 }

/** How probes end that say nothing: with a 4xx, because the client left, by an error nobody expected, or never. */
const bad = ['4xx', 'cancel', 'throw', 'never'] as const
type Bad = (typeof bad)[number]

const ends: Record<Bad, (pass: Pass) => void> = {
  '4xx': (pass) => {
    pass.end({ kind: 'neutral', error: refused })
    pass.release()
  },
  cancel: (pass) => pass.release(),
  throw: (pass) => {
    expect(() => {
      try {
        throw new Error('nobody expected this')
      } finally {
        pass.release()
      }
    }).toThrow()
  },
  never: () => {},
}

describe('B11', () => {
  test('half open: exactly the configured probes at once, and recovery whatever becomes of them', () => {
    let mostInFlight = 0
    let slowest = 0
    let probes = 0
    const runs = size(200, 5_000)
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(200, 5_000, 60_000),
        fc.array(fc.constantFrom(...bad), { minLength: 1, maxLength: 20 }),
        fc.nat(300),
        (count, successThreshold, openMs, fates, slownessMs) => {
          const snapshot = snapshotOf({
            m: [{ circuit: { ...circuit, probes: count, successThreshold, openMs } }],
          })
          const target = targetIn(snapshot, 'm')
          const { resilience, advance } = newWorld(snapshot)
          const lease = Math.max(PROBE_LEASE_MILLISECONDS, openMs)
          for (let time = 0; time < circuit.failureThreshold; time += 1)
            attempted(resilience, target, 'failure')
          advance(openMs)

          // All at the instant it is half open.
          const admitted: Pass[] = []
          for (let caller = 0; caller < CALLERS; caller += 1) {
            const given = resilience.enter(target)
            if (isPass(given)) admitted.push(given)
            else expect(given).toMatchObject({ open: false, reason: 'circuit_open' })
          }
          expect(admitted.length).toBe(count)
          expect(admitted.every(({ probe }) => probe)).toBe(true)
          const stuck = admitted.filter((pass, place) => {
            const fate = fates[place % fates.length] as Bad
            ends[fate](pass)
            return fate === 'never'
          })
          mostInFlight = Math.max(mostInFlight, admitted.length)
          probes += admitted.length

          // From now on the upstream is well, and answers after a while.
          const running: { pass: Pass; until: number }[] = []
          let passed = 0
          while (resilience.circuits()[0]?.state !== 'closed') {
            for (const { pass } of running.filter(({ until }) => until <= passed)) {
              pass.end({ kind: 'success', firstContentMs: slownessMs })
              pass.release()
            }
            running.splice(0, running.length, ...running.filter(({ until }) => until > passed))
            for (let caller = 0; caller < ARRIVALS.callers; caller += 1) {
              const given = resilience.enter(target)
              if (isPass(given)) running.push({ pass: given, until: passed + slownessMs })
            }
            const held = running.filter(({ pass }) => pass.probe).length + (passed < lease ? stuck.length : 0)
            expect(held).toBeLessThanOrEqual(count)
            expect(passed).toBeLessThanOrEqual(lease + openMs + successThreshold * (slownessMs + 200))
            advance(ARRIVALS.everyMs)
            passed += ARRIVALS.everyMs
          }
          // Beyond the lease only the time that the probes need themselves.
          slowest = Math.max(slowest, passed - (stuck.length === count ? lease : 0))
        },
      ),
      { numRuns: runs },
    )
    figure('B11', {
      trials: runs,
      callers: CALLERS,
      probes,
      most_probes_in_flight: mostInFlight,
      never_recovered: 0,
      slowest_recovery_beyond_lease_ms: slowest,
    })
  })
})
