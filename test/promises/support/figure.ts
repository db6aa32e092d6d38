/** Full sizes are for the long run; the default ones fit into a commit's few minutes. */
export const isLong = process.env['XJP_LONG'] !== undefined

/** The number of trials: `short` with every commit, `full` as the promise says. */
export function size(short: number, full: number): number {
  return isLong ? full : short
}

/** Prints what a promise measured: `A1: n=40000, false_completions=0`. */
export function figure(promise: string, figures: Record<string, number | string>): void {
  const listed = Object.entries(figures).map(([name, value]) => `${name}=${value}`)
  console.info(`${promise}: ${listed.join(', ')}`)
}

/** The value below which `share` of the sorted values lie; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
