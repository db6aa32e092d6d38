import { legalName, type NameRule, stableHash } from '../../model/stable-hash.ts'

/** Names and ids this wire takes (protocol.md §1.3). */
const rule: NameRule = { legal: /^[a-zA-Z0-9_-]{1,128}$/, illegal: /[^a-zA-Z0-9_-]/g, longest: 128 }

/** The name this wire takes for a tool. */
export function wireToolName(name: string): string {
  return legalName(name, rule)
}

/** An id of a call this wire takes, of any length: a call and its result stay a pair. */
export function wireCallId(id: string): string {
  return /^[a-zA-Z0-9_-]+$/.test(id) ? id : `toolu_${stableHash(id, 14)}`
}
