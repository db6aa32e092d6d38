import { median, pairedRatios, quartiles } from './statistics.ts'
import { type Family, family, type Target } from './targets.ts'

/** What a figure is held against. `ratio`: times the bare pipe's; `value`: the figure itself. */
interface Limit {
  of: 'ratio' | 'value'
  /** The highest that passes. */
  most: Partial<Record<Family, number>>
}

interface FigureKind {
  title: string
  unit: string
  limit?: Limit
  /** It has a meaning as a multiple of the bare pipe's: differences between two latencies have none. */
  comparable?: true
}

const CPU: Limit = { of: 'ratio', most: { 'same dialect': 1.5, translated: 2 } }
const most = (value: number): Limit => ({
  of: 'value',
  most: { 'same dialect': value, translated: value, accounted: value },
})

/** Every figure there is, in the order of the report. */
export const FIGURES = {
  'request-cpu-25': {
    title: 'CPU of a 1 KB request at 25 % of the maximum',
    unit: 'µs',
    limit: CPU,
    comparable: true,
  },
  'request-cpu-50': {
    title: 'CPU of a 1 KB request at 50 % of the maximum',
    unit: 'µs',
    limit: CPU,
    comparable: true,
  },
  'request-cpu-75': {
    title: 'CPU of a 1 KB request at 75 % of the maximum',
    unit: 'µs',
    limit: CPU,
    comparable: true,
  },
  'request-cpu-100': {
    title: 'CPU of a 1 KB request at the maximum',
    unit: 'µs',
    limit: CPU,
    comparable: true,
  },
  'request-rate': { title: 'Maximum rate of 1 KB requests', unit: '/s', comparable: true },
  'open-rate-ratio': {
    title: 'Maximum rate in open mode, as a multiple of the maximum rate with keys, limits and usage',
    unit: '×',
    limit: { of: 'value', most: { accounted: 1.25 } },
  },
  'watched-request-ratio': {
    title: 'CPU of a 1 KB request with everything watched, as a multiple of the same with nothing watched',
    unit: '×',
    limit: { of: 'value', most: { watched: 1.25 } },
  },
  'watched-event-ratio': {
    title: 'CPU of a streamed event with everything watched, as a multiple of the same with nothing watched',
    unit: '×',
    limit: { of: 'value', most: { watched: 1.1 } },
  },
  'latency-p50': { title: 'Added latency at half load, p50', unit: 'ms', limit: most(0.5) },
  'latency-p99': { title: 'Added latency at half load, p99', unit: 'ms', limit: most(2) },
  'event-cpu': {
    title: 'CPU of a streamed event, 128 streams of 100/s',
    unit: 'µs',
    limit: CPU,
    comparable: true,
  },
  'event-gap-p99': { title: 'Time between two events meant 10 ms apart, p99', unit: 'ms' },
  'saturated-cpu': {
    title: 'CPU of a streamed event at saturation, 512 streams',
    unit: 'µs',
    limit: CPU,
    comparable: true,
  },
  'saturated-rate': { title: 'Maximum rate of streamed events, 512 streams', unit: '/s', comparable: true },
  'first-token-p50': { title: 'Added time to the first token, p50', unit: 'ms' },
  'first-token-p99': { title: 'Added time to the first token, p99', unit: 'ms' },
  'prompt-cpu': { title: 'CPU of an agent request of 100 KB at the maximum', unit: 'µs', comparable: true },
  'prompt-rate': { title: 'Maximum rate of agent requests of 100 KB', unit: '/s', comparable: true },
  'memory-idle': { title: 'Resident memory after warm-up, no stream open', unit: 'MB', comparable: true },
  'memory-1000': { title: 'Resident memory, 1,000 open streams', unit: 'MB', comparable: true },
  'memory-4000': {
    title: 'Resident memory, 4,000 open streams',
    unit: 'MB',
    limit: most(200),
    comparable: true,
  },
  'memory-stream': { title: 'Memory of one open stream', unit: 'KB', comparable: true },
  'memory-recovered': { title: 'Resident memory after they closed', unit: 'MB', comparable: true },
  'abort-growth': { title: 'Memory kept after the abort storm', unit: 'MB', limit: most(16) },
  'abort-descriptors': { title: 'Descriptors kept after the abort storm', unit: '', limit: most(8) },
  'abort-upstream': { title: 'Upstream connections kept after the abort storm', unit: '', limit: most(8) },
} as const satisfies Record<string, FigureKind>

export type FigureId = keyof typeof FIGURES

/** One measured figure of one target. */
export interface Figure {
  id: FigureId
  target: string
  unit: string
  /** Median over the rounds, with the quartiles. */
  value: number
  low: number
  high: number
  samples: readonly number[]
  /** Median of the ratios of paired rounds. */
  timesPipe?: number
  timesNginx?: number
  limit?: number
  pass?: boolean
  notes: readonly string[]
}

/** Samples of all targets, gathered round by round; a disturbed round can be taken back. */
export class Samples {
  readonly #values = new Map<FigureId, Map<Target, number[]>>()
  readonly #notes = new Map<Target, Set<string>>()

  add(id: FigureId, target: Target, value: number): void {
    const targets = this.#values.get(id) ?? new Map<Target, number[]>()
    this.#values.set(id, targets)
    const values = targets.get(target) ?? []
    targets.set(target, values)
    values.push(value)
  }

  note(target: Target, text: string): void {
    const notes = this.#notes.get(target) ?? new Set()
    this.#notes.set(target, notes)
    notes.add(text)
  }

  /** Removes the last sample of each series that is longer than `rounds`. */
  keepRounds(rounds: number): void {
    for (const targets of this.#values.values())
      for (const values of targets.values()) values.length = Math.min(values.length, rounds)
  }

  of(id: FigureId, target: Target): readonly number[] {
    return this.#values.get(id)?.get(target) ?? []
  }

  figures(): Figure[] {
    const figures: Figure[] = []
    for (const id of Object.keys(FIGURES) as FigureId[])
      for (const [target, samples] of this.#values.get(id) ?? [])
        figures.push(this.#figure(id, target, samples))
    return figures
  }

  #figure(id: FigureId, target: Target, samples: readonly number[]): Figure {
    const kind: FigureKind = FIGURES[id]
    const figure: Figure = {
      id,
      target: target.name,
      unit: kind.unit,
      value: median(samples),
      ...quartiles(samples),
      samples,
      notes: [...(this.#notes.get(target) ?? [])],
    }
    const timesPipe = kind.comparable && this.#times(id, samples, 'pipe')
    const timesNginx = kind.comparable && this.#times(id, samples, 'nginx')
    if (timesPipe !== undefined) figure.timesPipe = timesPipe
    if (timesNginx !== undefined) figure.timesNginx = timesNginx
    const limit = kind.limit?.most[family(target)]
    const held = kind.limit?.of === 'ratio' ? timesPipe : figure.value
    if (limit === undefined || held === undefined) return figure
    return { ...figure, limit, pass: held <= limit }
  }

  #times(id: FigureId, samples: readonly number[], server: 'pipe' | 'nginx'): number | undefined {
    for (const [target, base] of this.#values.get(id) ?? [])
      if (target.server === server) {
        const ratio = median(pairedRatios(samples, base))
        return Number.isFinite(ratio) ? ratio : undefined
      }
    return undefined
  }
}
