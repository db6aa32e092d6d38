import type { Policy } from '../pipeline/call.ts'
import { invalid } from '../protocol/model/error.ts'

/** Where a client may put its key; all are read alike. */
const carriers = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const

/**
 * Who calls. There are no keys yet, so everyone is the tenant `open`; the start says so aloud when the address can be
 * reached from other machines. Two different credentials are refused already: nobody could say which one counts.
 */
export const identify: Policy = (next) => (call) => {
  const given = credentials(call.headers)
  if (given.size > 1)
    throw invalid(
      [...given.values()].join(' and '),
      'hold two different credentials: send one, or the same in both',
    )
  return next(call)
}

/** Credential → the header that held it first. */
function credentials(headers: Headers): Map<string, string> {
  const found = new Map<string, string>()
  for (const name of carriers) {
    const value = headers
      .get(name)
      ?.replace(/^bearer\s+/i, '')
      .trim()
    if (value && !found.has(value)) found.set(value, name)
  }
  return found
}
