import { createHash } from 'node:crypto'
import type { Call } from '../pipeline/call.ts'
import { canonicalJson } from '../protocol/model/canonical-json.ts'
import { GatewayError } from '../protocol/model/error.ts'

export const KEY_HEADER = 'idempotency-key'

const LONGEST = 255
/**
 * What keys are made of in practice: UUIDs, base64, names with separators. Left out is what means something to a store,
 * a script or a list (globs, brackets, quotes, backslash, comma), so that two headers joined by a proxy are no key.
 */
const legal = /^[\w!#$%&+\-./:=@~|"]+$/

/** The client's key; undefined when it sent none. Throws a 400 that names the header. */
export function clientKey(headers: Headers): string | undefined {
  const given = headers.get(KEY_HEADER)
  if (given === null) return undefined
  const wrong = faultOf(given)
  if (wrong === undefined) return given
  throw new GatewayError('invalid_request', `${KEY_HEADER}: ${wrong}`, {
    param: KEY_HEADER,
    code: 'idempotency_key_invalid',
  })
}

function faultOf(key: string): string | undefined {
  if (key === '') return 'is empty; expected a name of your choice for this request, such as a UUID'
  if (key.length > LONGEST) return `has ${key.length} characters; expected 1 to ${LONGEST}`
  if (key.includes(', ')) return 'stands more than once, or is a list; expected one key'
  if (!legal.test(key))
    return 'has a character that is not taken; expected letters, digits and ! # $ % & + - . / : = @ _ ~ | "'
  return undefined
}

/** Whose key it is: keys never meet over tenants, API keys or endpoints (promise E3). No part can imitate another. */
export function scopeOf(call: Call, key: string): string {
  return JSON.stringify([call.tenant, call.identity.key?.id ?? null, call.record.endpoint, key])
}

/**
 * What was asked, whatever way it was written: SHA-256 of the body's one canonical form. Model and streaming are added
 * because some dialects say them in the address.
 */
export function fingerprintOf(call: Call): string {
  const body = canonicalJson(new TextDecoder().decode(call.body))
  const { model, stream } = call.request
  return createHash('sha256')
    .update(JSON.stringify([model, stream]))
    .update(body)
    .digest('base64url')
}
