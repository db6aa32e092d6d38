import { type Definition, type LabelValues, OTHER, type Sample } from './family.ts'

/** Only ever grows. */
export class Counter {
  value = 0

  add(amount = 1): void {
    this.value += amount
  }
}

/** Counts observations by size. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  /** In the definition's unit. What is no number is left out; a clock that was set back counts as nothing passed. */
  observe(value: number): void {
    if (!Number.isFinite(value)) return
    const observed = value > 0 ? value : 0
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && observed > (bounds[bucket] as number)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#sum += observed
  }

  get sum(): number {
    return this.#sum
  }

  get counts(): number[] {
    return [...this.#counts]
  }
}

type Branch<Child> = Map<string, Branch<Child> | Child>

/**
 * The children of a metric, one for each combination of label values. Found by one look a label, without joining texts:
 * the same few are asked for with every call. When there is no room for more, new ones share one child `other`.
 */
class Children<Child> {
  readonly #root: Branch<Child> = new Map()
  readonly #all: { labels: readonly string[]; child: Child }[] = []
  readonly #make: () => Child
  readonly #limit: number
  #rest: Child | undefined

  constructor(make: () => Child, limit: number) {
    this.#make = make
    this.#limit = limit
  }

  get all(): readonly { labels: readonly string[]; child: Child }[] {
    return this.#all
  }

  find(labels: readonly string[]): Child {
    let branch = this.#root
    const last = labels.length - 1
    for (let index = 0; index < last; index += 1) {
      const next = branch.get(labels[index] as string) as Branch<Child> | undefined
      if (next === undefined) return this.#grow(labels)
      branch = next
    }
    // A metric without labels has its only child under the empty name.
    return (branch.get(labels[last] ?? '') as Child | undefined) ?? this.#grow(labels)
  }

  #grow(labels: readonly string[]): Child {
    if (this.#all.length >= this.#limit) return (this.#rest ??= this.#add(labels.map(() => OTHER)))
    const child = this.#add(labels)
    let branch = this.#root
    for (const label of labels.slice(0, -1)) {
      let next = branch.get(label) as Branch<Child> | undefined
      if (next === undefined) branch.set(label, (next = new Map()))
      branch = next
    }
    branch.set(labels.at(-1) ?? '', child)
    return child
  }

  #add(labels: readonly string[]): Child {
    const child = this.#make()
    this.#all.push({ labels: [...labels], child })
    return child
  }
}

/** One metric with all its children. */
export interface Instrument {
  readonly definition: Definition
  samples(): Sample[]
}

export class CounterFamily<Labels extends readonly string[]> implements Instrument {
  readonly definition: Definition<Labels>
  readonly #children: Children<Counter>

  constructor(definition: Definition<Labels>, limit: number) {
    this.definition = definition
    this.#children = new Children(() => new Counter(), limit)
    if (definition.labels.length === 0) this.#children.find([])
  }

  of(...labels: LabelValues<Labels>): Counter {
    return this.#children.find(labels)
  }

  samples(): Sample[] {
    return this.#children.all.map(({ labels, child }) => ({ labels, value: child.value }))
  }
}

export class HistogramFamily<Labels extends readonly string[]> implements Instrument {
  readonly definition: Definition<Labels>
  readonly #children: Children<Histogram>

  constructor(definition: Definition<Labels>, limit: number) {
    this.definition = definition
    const bounds = definition.bounds ?? []
    this.#children = new Children(() => new Histogram(bounds), limit)
    if (definition.labels.length === 0) this.#children.find([])
  }

  of(...labels: LabelValues<Labels>): Histogram {
    return this.#children.find(labels)
  }

  samples(): Sample[] {
    return this.#children.all.map(({ labels, child }) => ({
      labels,
      value: child.sum,
      counts: child.counts,
    }))
  }
}
