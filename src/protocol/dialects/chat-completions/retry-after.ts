type Header = (name: string) => string | null

/**
 * Seconds to wait, from headers that say so without a clock: dates are left to the transport. `limited` names the
 * limit that was hit (`requests`, `tokens`, or nothing known); undefined when none was, since those headers always come.
 */
export function retryAfter(header: Header, limited: string | undefined): number | undefined {
  const told = milliseconds(header('retry-after-ms')) ?? seconds(header('retry-after'))
  return told ?? (limited === undefined ? undefined : reset(header, limited))
}

function milliseconds(value: string | null): number | undefined {
  const number = seconds(value)
  return number === undefined ? undefined : number / 1000
}

function seconds(value: string | null): number | undefined {
  return value !== null && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : undefined
}

/** `x-ratelimit-reset-*` of the limit that was hit: the one named, the one with nothing left, or the later. */
function reset(header: Header, limited: string): number | undefined {
  const limits = ['requests', 'tokens']
  const named = limits.filter((limit) => limit === limited)
  const empty = limits.filter((limit) => header(`x-ratelimit-remaining-${limit}`) === '0')
  const hit = named.length > 0 ? named : empty.length > 0 ? empty : limits
  const waits = hit.flatMap((limit) => duration(header(`x-ratelimit-reset-${limit}`)) ?? [])
  return waits.length > 0 ? Math.max(...waits) : undefined
}

const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 }

/** A duration such as `6m0s`, `1.5s`, `20ms`, in seconds. */
export function duration(text: string | null): number | undefined {
  if (text === null || !/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  const pieces = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  return pieces.reduce((sum, [, amount = '0', unit = 's']) => sum + Number(amount) * (units[unit] ?? 0), 0)
}
