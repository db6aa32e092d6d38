import { Samples } from './figures.ts'
import { type Disturbance, DisturbanceWatch } from './machine.ts'
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
  /** What disturbed each round so far, also those that were measured again. */
  disturbances: Disturbance[]
  /** One line about what is going on. */
  progress(text: string): void
}

export interface Measure {
  name: string
  run(bench: Bench): Promise<Samples>
}

/** Rounds in which the host took away more than this, or others used more, are measured again. */
const MOST_STOLEN = 0.01
const MOST_OTHERS = 0.05

export function isQuiet({ stolen, others }: Disturbance): boolean {
  return stolen <= MOST_STOLEN && others <= MOST_OTHERS
}

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
    const watch = new DisturbanceWatch(bench.rig.pids)
    const order = kept % 2 === 0 ? bench.targets : [...bench.targets].reverse()
    for (const target of order) await one(target, samples)
    const disturbance = watch.shares()
    bench.disturbances.push(disturbance)
    if (isQuiet(disturbance) || repeated >= bench.scale.extraRounds) kept++
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
