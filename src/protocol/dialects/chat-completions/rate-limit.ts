import { duration, type Header, retryAfter } from '../../model/retry-after.ts'

/**
 * Seconds to wait after an error. `limited` names the limit that was hit (`requests`, `tokens`, or nothing known);
 * undefined when none was, since the headers of the limits always come.
 */
export function waitOf(header: Header, limited: string | undefined): number | undefined {
  return retryAfter(header) ?? (limited === undefined ? undefined : reset(header, limited))
}

/** `x-ratelimit-reset-*` of the limit that was hit: the one named, the one with nothing left, or the later. */
function reset(header: Header, limited: string): number | undefined {
  const limits = ['requests', 'tokens']
  const named = limits.filter((limit) => limit === limited)
  const empty = limits.filter((limit) => header(`x-ratelimit-remaining-${limit}`) === '0')
  const hit = named.length > 0 ? named : empty.length > 0 ? empty : limits
  const waits = hit.flatMap((limit) => duration(header(`x-ratelimit-reset-${limit}`) ?? '') ?? [])
  return waits.length > 0 ? Math.max(...waits) : undefined
}
