/** What a metric is, before anything was measured. */
export interface Definition<Labels extends readonly string[] = readonly string[]> {
  /** As it is written: counters end in `_total`, a unit stands before that. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: Labels
  /** One sentence for the reader of a dashboard. */
  readonly help: string
  readonly unit?: 'seconds' | 'bytes' | 'dollars'
  /** Upper bounds of a histogram's buckets, rising; what is above the last one has a bucket of its own. */
  readonly bounds?: readonly number[]
  readonly gather: Gather
}

/** What the values of several workers come to. `worker`: they stay apart, under a label of that name. */
export type Gather = 'sum' | 'max' | 'min' | 'worker'

/** A metric and its samples at one moment: plain values that can be sent to another process. */
export interface Family extends Definition {
  readonly samples: readonly Sample[]
}

export interface Sample {
  /** Values of the definition's labels, in their order. */
  readonly labels: readonly string[]
  /** Of a counter or gauge. Of a histogram the sum of what was observed. */
  readonly value: number
  /** How many observations fell into each bucket of a histogram, not added up; the last one has no bound. */
  readonly counts?: readonly number[]
}

/** One value for each label. */
export type LabelValues<Labels extends readonly string[]> = { readonly [Index in keyof Labels]: string }

/** Stands for all values a label has no room for, and for names that clients invent. */
export const OTHER = 'other'
