const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/**
 * `length` base62 characters that depend on every character of `text`: the same text gives the same characters, today
 * and in every release. FNV-1a with its own seed for each character, mixed at the end. Not a secure hash.
 */
export function stableHash(text: string, length: number): string {
  let out = ''
  for (let position = 0; position < length; position += 1) {
    let hash = 0x811c9dc5 ^ Math.imul(position + 1, 0x9e3779b1)
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    out += DIGITS.charAt(((hash ^ (hash >>> 16)) >>> 0) % DIGITS.length)
  }
  return out
}

/** Which names a wire takes. */
export interface NameRule {
  /** Matches the whole of a name that stays as it is. */
  legal: RegExp
  /** Matches each character to be replaced; global. */
  illegal: RegExp
  /** Where not every legal character may stand first. */
  first?: RegExp
  longest: number
}

const HASH_LENGTH = 8

/**
 * A name the rule takes: unchanged where legal, else cleaned, cut and told apart by a hash of the whole name. A pure
 * function, so that a call and its result, and today's request and tomorrow's replay, always agree. The way back is
 * the pipeline's (`pipeline/tool-names.ts`).
 */
export function legalName(name: string, { legal, illegal, first, longest }: NameRule): string {
  if (legal.test(name)) return name
  const cleaned = name.replace(illegal, '_')
  const started = first === undefined || first.test(cleaned) ? cleaned : `_${cleaned}`
  return `${started.slice(0, longest - HASH_LENGTH - 1)}_${stableHash(name, HASH_LENGTH)}`
}
