import { StoreUnavailable } from '../ports/unavailable.ts'
import { NewerSchema } from './newer-schema.ts'

/** SQLSTATE of PostgreSQL or a name of SQLite or of the system; undefined when there is none. */
export function codeOf(thrown: unknown): string | undefined {
  const code = thrown instanceof Error ? (thrown as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}

/**
 * Mistakes in what was asked (a value that does not fit, a name that is taken) stay what they are: asking again
 * would not help. Class 22 and 23 of SQLSTATE, and their like in SQLite.
 */
const mistakes = /^(?:22|23)[0-9A-Z]{3}$|^SQLITE_(?:CONSTRAINT|MISMATCH|TOOBIG|RANGE)/

/** Two transactions met: running one of them again is right. Deadlock and serialization failure. */
export const isMeeting = (thrown: unknown): boolean => /^40(?:001|P01)$/.test(codeOf(thrown) ?? '')

/** The connection is of no use any more: it broke, the server ends, or became read-only (it is a replica now). */
export const isConnectionLost = (thrown: unknown): boolean => {
  const code = codeOf(thrown)
  return code === undefined || !/^[0-9A-Z]{5}$/.test(code) || /^(?:08|57P|25006$|XX)/.test(code)
}

/** What a store's method rejects with, for whatever went wrong below. */
export function asFailure(thrown: unknown): Error {
  if (thrown instanceof StoreUnavailable || thrown instanceof NewerSchema || thrown instanceof RangeError)
    return thrown
  const code = codeOf(thrown)
  if (thrown instanceof Error && code !== undefined && mistakes.test(code)) return thrown
  return new StoreUnavailable('database', describe(thrown), { cause: thrown })
}

/** In words for logs and `/readyz`. Never with an address or a password: drivers name neither in these. */
export function describe(thrown: unknown): string {
  const code = codeOf(thrown)
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return code === undefined || message.includes(code) ? message : `${message} (${code})`
}
