/** A straight line through samples, with what is known of its slope. */
export interface Trend {
  /** Units of the values, for each unit of the times. */
  slope: number
  /** Half of the 95 % interval around it. */
  margin: number
  samples: number
}

/**
 * The 97.5 % point, for errors that are estimated with so many lags to a sample: Kiefer and Vogelsang's fit for the
 * kernel that is used here. With no lags it is the normal distribution's.
 */
const quantile = (lagsToSamples: number): number =>
  1.96 + 2.9694 * lagsToSamples + 0.416 * lagsToSamples ** 2 - 0.5324 * lagsToSamples ** 3
/** Above this the series has no mean to return to in the time it was watched, and no honest error either. */
const MOST_PERSISTENT = 0.97

/**
 * Least squares, with an error that holds when neighbouring samples resemble each other, as those of a process's memory
 * do: the long-run variance of the scores, after Andrews and Monahan (first an autoregression takes out most of what
 * they share, then a kernel looks at the rest). The error that textbooks give takes every sample for news and is many
 * times too small here.
 */
export function trendOf(times: readonly number[], values: readonly number[]): Trend {
  const samples = Math.min(times.length, values.length)
  if (samples < 10) return { slope: Number.NaN, margin: Number.POSITIVE_INFINITY, samples }
  const middle = mean(times)
  const level = mean(values)
  const offsets = times.map((time) => time - middle)
  const spread = sum(offsets.map((offset) => offset * offset))
  const slope = sum(offsets.map((offset, at) => offset * ((values[at] ?? 0) - level))) / spread
  const scores = offsets.map((offset, at) => offset * ((values[at] ?? 0) - level - slope * offset))
  const variance = longRunVariance(scores) * samples
  // Two degrees of freedom went into the line.
  const margin =
    (quantile(lagsFor(samples) / samples) * Math.sqrt(variance * (samples / (samples - 2)))) / spread
  return { slope, margin, samples }
}

function longRunVariance(scores: readonly number[]): number {
  const persistence = autoregression(scores)
  const whitened = scores.slice(1).map((score, at) => score - persistence * (scores[at] ?? 0))
  return bartlett(whitened) / (1 - persistence) ** 2
}

function autoregression(scores: readonly number[]): number {
  const before = scores.slice(0, -1)
  const both = sum(before.map((score, at) => score * (scores[at + 1] ?? 0)))
  const persistence = both / sum(before.map((score) => score * score))
  return Math.max(-MOST_PERSISTENT, Math.min(MOST_PERSISTENT, Number.isFinite(persistence) ? persistence : 0))
}

/** Lazarus, Lewis, Stock and Watson's rule. */
const lagsFor = (count: number): number => Math.ceil(1.3 * Math.sqrt(count))

/** Newey and West. */
function bartlett(scores: readonly number[]): number {
  const count = scores.length
  const lags = lagsFor(count)
  let variance = covariance(scores, 0)
  for (let lag = 1; lag <= lags; lag += 1) variance += 2 * (1 - lag / (lags + 1)) * covariance(scores, lag)
  return Math.max(variance, covariance(scores, 0) / count)
}

function covariance(scores: readonly number[], lag: number): number {
  return sum(scores.slice(lag).map((score, at) => score * (scores[at] ?? 0))) / scores.length
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length
}
