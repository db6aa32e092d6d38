/** The value below which the share `rank` (0..1) of the samples lies, by the nearest rank. NaN when there are none. */
export function percentile(samples: readonly number[], rank: number): number {
  if (samples.length === 0) return Number.NaN
  const sorted = [...samples].sort((a, b) => a - b)
  const index = Math.min(sorted.length - 1, Math.max(0, Math.ceil(rank * sorted.length) - 1))
  return sorted[index] ?? Number.NaN
}

/** The middle sample, or the mean of the two in the middle. NaN when there are none. */
export function median(samples: readonly number[]): number {
  if (samples.length === 0) return Number.NaN
  const sorted = [...samples].sort((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2
}

/** The quartiles, between which half of the samples lie. */
export function quartiles(samples: readonly number[]): { low: number; high: number } {
  return { low: percentile(samples, 0.25), high: percentile(samples, 0.75) }
}

/** `samples[i] / base[i]`: both were measured in round `i`, so what disturbed the round falls out. */
export function pairedRatios(samples: readonly number[], base: readonly number[]): number[] {
  const ratios: number[] = []
  const length = Math.min(samples.length, base.length)
  for (let round = 0; round < length; round++) {
    const ratio = (samples[round] ?? Number.NaN) / (base[round] ?? Number.NaN)
    if (Number.isFinite(ratio)) ratios.push(ratio)
  }
  return ratios
}
