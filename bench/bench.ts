import { Samples } from './figures.ts'
import { StealWatch } from './machine.ts'
import type { Rig } from './rig.ts'
import type { Scale } from './scale.ts'
import type { Target } from './targets.ts'

/** What every measure works with. */
export interface Bench {
  rig: Rig
  scale: Scale
  targets: readonly Target[]
  /** Highest rates found so far, in requests a second, by target. */
  maximum: Map<Target, number>
  /** One line about what is going on. */
  progress(text: string): void
}

export interface Measure {
  name: string
  run(bench: Bench): Promise<Samples>
}

/** Rounds in which the host took more than this away are measured again. */
const STEAL_LIMIT = 0.01
const EXTRA_ROUNDS = 2

/** The rounds of a measure: all targets in each, in turned order every other time, so that drift falls out. */
export async function inRounds(
  bench: Bench,
  name: string,
  rounds: number,
  one: (target: Target, samples: Samples) => Promise<void>,
): Promise<Samples> {
  const samples = new Samples()
  let kept = 0
  let repeated = 0
  while (kept < rounds) {
    bench.progress(`${name}: round ${kept + 1} of ${rounds}`)
    const steal = new StealWatch()
    const order = kept % 2 === 0 ? bench.targets : [...bench.targets].reverse()
    for (const target of order) await one(target, samples)
    if (steal.share() <= STEAL_LIMIT || repeated === EXTRA_ROUNDS) kept++
    else {
      repeated++
      samples.keepRounds(kept)
    }
  }
  return samples
}

/** Stops a run whose answers are wrong: its figures would mean nothing. */
export function noFailures(target: Target, what: string, load: { failed: number }): void {
  if (load.failed > 0)
    throw new Error(`${target.name}, ${what}: ${load.failed} requests failed or were cut off`)
}
