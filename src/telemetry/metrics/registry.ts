import type { Definition, Family, LabelValues, Sample } from './family.ts'
import { CounterFamily, HistogramFamily, type Instrument } from './instruments.ts'

/** What a metric whose value is kept elsewhere reads when it is asked: its label values, and the value. */
export type Reading<Labels extends readonly string[] = readonly string[]> = readonly [
  labels: LabelValues<Labels>,
  value: number,
]

export interface RegistryLimits {
  /** Combinations of label values a counter may have; what comes after shares one that is all `other`. */
  counterSeries: number
  /** The same for histograms, each of which is some twenty lines. */
  histogramSeries: number
}

export const registryLimits: RegistryLimits = { counterSeries: 4_000, histogramSeries: 400 }

/** All metrics of this process. Counting is a few look-ups and an addition; everything else waits for `collect`. */
export class Registry {
  /** Milliseconds since 1970 at which all counters were 0. */
  readonly startedAt: number
  readonly #limits: RegistryLimits
  readonly #instruments: Instrument[] = []
  #readErrors = 0

  constructor(now: () => number, limits: RegistryLimits = registryLimits) {
    this.startedAt = now()
    this.#limits = limits
  }

  /** How often a value that is kept elsewhere could not be read. */
  get readErrors(): number {
    return this.#readErrors
  }

  counter<const Labels extends readonly string[]>(definition: Definition<Labels>): CounterFamily<Labels> {
    const family = new CounterFamily(definition, this.#limits.counterSeries)
    this.#instruments.push(family)
    return family
  }

  histogram<const Labels extends readonly string[]>(definition: Definition<Labels>): HistogramFamily<Labels> {
    const family = new HistogramFamily(definition, this.#limits.histogramSeries)
    this.#instruments.push(family)
    return family
  }

  /** A gauge, or a counter that is kept elsewhere: `read` is called with every `collect`, and may not wait. */
  watch<const Labels extends readonly string[]>(
    definition: Definition<Labels>,
    read: () => Iterable<Reading<Labels>>,
  ): void {
    const limit = this.#limits.counterSeries
    const samples = (): Sample[] => {
      const found: Sample[] = []
      for (const [labels, value] of read()) {
        if (found.length >= limit) break
        if (Number.isFinite(value)) found.push({ labels: [...labels], value })
      }
      return found
    }
    this.#instruments.push({ definition, samples })
  }

  /** Every metric that has a sample, as it stands now. One that cannot be read is left out, and counted. */
  collect(): Family[] {
    const families: Family[] = []
    for (const instrument of this.#instruments) {
      const samples = this.#read(instrument)
      if (samples.length > 0) families.push({ ...instrument.definition, samples })
    }
    return families
  }

  #read(instrument: Instrument): Sample[] {
    try {
      return instrument.samples()
    } catch {
      this.#readErrors += 1
      return []
    }
  }
}
