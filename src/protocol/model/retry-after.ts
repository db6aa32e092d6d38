/** How long an upstream asks to wait. */

/** A header's value by its lower-case name. */
export type Header = (name: string) => string | null

/** Seconds from `retry-after-ms` or `retry-after`. Dates need a clock and are left to the transport. */
export function retryAfter(header: Header): number | undefined {
  const milliseconds = seconds(header('retry-after-ms'))
  return milliseconds === undefined ? seconds(header('retry-after')) : milliseconds / 1000
}

function seconds(value: string | null): number | undefined {
  return value !== null && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : undefined
}

const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 }

/** A duration such as `6m0s`, `1.5s`, `20ms`, in seconds. */
export function duration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  const pieces = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  return pieces.reduce((sum, [, amount = '0', unit = 's']) => sum + Number(amount) * (units[unit] ?? 0), 0)
}
