import type { Family, Gather, Sample } from './family.ts'

/** What one worker measured. */
export interface WorkerFamilies {
  /** Its number, for the label of what stays apart. */
  worker: string
  families: readonly Family[]
}

const WORKER_LABEL = 'worker'

/**
 * The metrics of several workers as those of one gateway, in the order of the first that has them. `retired` is what
 * workers that are gone had counted (see `retire`): without it counters would fall when a worker is replaced, and
 * Prometheus would take that for a restart of all.
 */
export function merge(workers: readonly WorkerFamilies[], retired: readonly Family[] = []): Family[] {
  const merged = new Map<string, Merging>()
  for (const { worker, families } of [...workers, { worker: '', families: retired }])
    for (const family of families) {
      const known = merged.get(family.name) ?? new Merging(family)
      merged.set(family.name, known)
      known.add(family, worker)
    }
  return [...merged.values()].map((merging) => merging.family())
}

/** Adds what a worker that is gone had counted, by the last word it gave, to what others before it had. */
export function retire(retired: readonly Family[], last: readonly Family[]): Family[] {
  const counted = last.filter(({ type, gather }) => type !== 'gauge' && gather === 'sum')
  return merge([{ worker: '', families: counted }], retired)
}

const together: Readonly<Record<Exclude<Gather, 'worker'>, (one: number, other: number) => number>> = {
  sum: (one, other) => one + other,
  max: Math.max,
  min: Math.min,
}

class Merging {
  readonly #first: Family
  readonly #samples = new Map<string, Sample>()

  constructor(first: Family) {
    this.#first = first
  }

  add(family: Family, worker: string): void {
    const { gather } = this.#first
    for (const sample of family.samples) {
      const labels = gather === 'worker' ? [...sample.labels, worker] : sample.labels
      const key = JSON.stringify(labels)
      const known = this.#samples.get(key)
      this.#samples.set(key, known === undefined ? { ...sample, labels } : this.#sum(known, sample))
    }
  }

  #sum(one: Sample, other: Sample): Sample {
    const { gather } = this.#first
    const value = together[gather === 'worker' ? 'sum' : gather](one.value, other.value)
    const { labels, counts } = one
    if (counts === undefined) return { labels, value }
    return { labels, value, counts: counts.map((count, index) => count + (other.counts?.[index] ?? 0)) }
  }

  family(): Family {
    const { labels, gather } = this.#first
    return {
      ...this.#first,
      labels: gather === 'worker' ? [...labels, WORKER_LABEL] : labels,
      samples: [...this.#samples.values()],
    }
  }
}
