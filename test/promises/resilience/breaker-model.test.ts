import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Circuit } from '../../../src/config/snapshot.ts'
import type { Pass } from '../../../src/resilience/resilience.ts'
import {
  circuit,
  failed,
  isPass,
  newWorld,
  refused,
  snapshotOf,
  targetIn,
} from '../../../src/resilience/testing.ts'
import { figure, size } from '../support/figure.ts'
import { BreakerOracle, type Known } from './support/breaker-oracle.ts'

// B10: the circuit equals its model, over random commands, with a clock that jumps both ways.

const COMMANDS = 100

/** Small numbers, so that every limit is met often. */
const settings: readonly Circuit[] = [
  { ...circuit, windowMs: 1_000, minimumAttempts: 6, openMs: 500 },
  { ...circuit, windowMs: 1_000, minimumAttempts: 6, openMs: 2_000, probes: 3, successThreshold: 4 },
  { ...circuit, windowMs: 1_000, failureSpanMs: 300, minimumAttempts: 1_000, successThreshold: 1 },
  { ...circuit, windowMs: 2_000, failureThreshold: 1_000, minimumAttempts: 5, openMs: 500, probes: 2 },
  { ...circuit, windowMs: 1_000, failureThreshold: 1, openMs: 40_000, probes: 2 },
]

type Command =
  | { do: 'enter' | 'look' }
  | { do: 'end'; which: number; outcome: 'success' | 'failure' | 'neutral' }
  | { do: 'broke' | 'release'; which: number }
  | { do: 'pass' | 'jump'; milliseconds: number }
  | { do: 'reload'; settings: number }

const which = fc.nat(5)
const outcome = fc.constantFrom(
  'success' as const,
  'failure' as const,
  'failure' as const,
  'neutral' as const,
)
const pause = fc.oneof(
  fc.nat(120),
  fc.constantFrom(100, 500, 1_000, 2_000, 29_999, 30_000, 40_000),
  fc.nat(5_000),
)
const jump = fc.constantFrom(-1, -500, -86_400_000, 1, 86_400_000)

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('enter' as const) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('end' as const), which, outcome }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('broke' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), which }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), milliseconds: pause }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jump' as const), milliseconds: jump }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('reload' as const), settings: fc.nat(settings.length - 1) }),
  },
)

const snapshots = settings.map((each) => snapshotOf({ m: [{ circuit: each }] }))

/** Plays the commands on both; gives what was met. */
function play(first: number, commands: readonly Command[]): BreakerOracle {
  const world = newWorld(snapshots[first])
  const { resilience } = world
  const oracle = new BreakerOracle(settings[first] as Circuit, world.time.monotonic)
  let snapshot = snapshots[first] ?? snapshotOf({})
  const attempts: { pass: Pass; known: Known }[] = []
  /** Counted from the newest, so that late ones are met too but not most of the time. */
  const attempt = (place: number): { pass: Pass; known: Known } | undefined => attempts.at(-1 - place)

  const look = (): void => {
    const [status] = resilience.circuits()
    const standing = resilience.standing(targetIn(snapshot, 'm'))
    expect(status).toMatchObject({ state: oracle.state, failuresInRow: oracle.failuresInRow })
    expect(status?.retryAt).toBe(
      (oracle.state === 'open' ? world.time.wall + oracle.wait : undefined) as number,
    )
    expect(standing).toEqual(
      oracle.wait === 0
        ? { open: true }
        : { open: false, reason: 'circuit_open', retryMs: Math.ceil(oracle.wait) },
    )
    expect(world.changes()).toEqual(oracle.changes)
  }
  const run: { [D in Command['do']]: (command: Extract<Command, { do: D }>) => void } = {
    enter() {
      const given = resilience.enter(targetIn(snapshot, 'm'))
      expect(isPass(given)).toBe(oracle.wait === 0)
      if (!isPass(given)) return
      const known = oracle.begin()
      expect(given.probe).toBe(known.probe)
      attempts.push({ pass: given, known })
    },
    end({ which: place, outcome: kind }) {
      const found = attempt(place)
      if (!found) return
      if (kind === 'success') found.pass.end({ kind, firstContentMs: 1 })
      else found.pass.end({ kind, error: kind === 'failure' ? failed : refused })
      oracle.end(found.known, kind)
    },
    broke({ which: place }) {
      const found = attempt(place)
      found?.pass.broke()
      if (found) oracle.broke(found.known)
    },
    release({ which: place }) {
      const found = attempt(place)
      found?.pass.release()
      if (found) oracle.release(found.known)
    },
    pass({ milliseconds }) {
      world.advance(milliseconds)
    },
    jump({ milliseconds }) {
      world.time.monotonic += milliseconds
      world.time.wall -= milliseconds
    },
    reload({ settings: place }) {
      snapshot = snapshots[place] ?? snapshot
      world.reload(snapshot)
      oracle.reload(settings[place] ?? circuit)
    },
    look,
  }
  for (const each of commands) {
    run[each.do](each as never)
    // Clock and configuration are only looked at when something is asked: there and back in between is not seen.
    if (each.do === 'pass' || each.do === 'jump' || each.do === 'reload') {
      resilience.standing(targetIn(snapshot, 'm'))
      oracle.clockShows(world.time.monotonic)
      void oracle.state
    }
  }
  look()
  return oracle
}

describe('B10', () => {
  /** Everything a circuit can meet; a run that misses one has not tested it. */
  const wanted = [
    'closed → open: failure, in a row',
    'closed → open: failure, by share',
    'closed → open: break, in a row',
    'closed → open: break, by share',
    'open → half_open: rested',
    'half_open → open: failure of a probe',
    'half_open → open: break of a probe',
    'half_open → closed: probes succeeded',
    'success while closed',
    'failure while closed',
    'neutral while closed',
    'neutral while half_open',
    'late success while open',
    'late success while half_open',
    'late success while closed',
    'late failure while open',
    'late failure while half_open',
    'late failure while closed',
    'late neutral while half_open',
    'late break while open',
    'late break while half_open',
    'late break while closed',
    'an older success is taken back',
    'broke without a success',
    'ended twice',
    'lease ended',
    'opened by share after something left the window',
    'not opened after something left the window',
  ]

  test('the breaker equals its model', () => {
    const runs = size(1_000, 100_000)
    const met = new Map<string, number>()
    fc.assert(
      fc.property(
        fc.nat(settings.length - 1),
        fc.array(command, { minLength: COMMANDS, maxLength: COMMANDS }),
        (first, commands) => {
          for (const [situation, times] of play(first, commands).met)
            met.set(situation, (met.get(situation) ?? 0) + times)
        },
      ),
      { numRuns: runs },
    )
    expect(wanted.filter((situation) => !met.has(situation))).toEqual([])
    const changes = [...met].filter(([situation]) => situation.includes('→'))
    figure('B10', {
      commands: runs * COMMANDS,
      divergences: 0,
      transitions: changes.reduce((sum, [, times]) => sum + times, 0),
      kinds_of_transition: `${changes.length}/8`,
      situations: `${met.size}`,
    })
    expect(changes.length).toBe(8)
  })
})
