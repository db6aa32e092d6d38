/**
 * Legal names and ids of this wire (protocol.md §1.3). What does not fit is replaced by a pure function of
 * itself, so that a call and its result, and today's request and tomorrow's replay, always agree.
 */
const LEGAL = /^[a-zA-Z0-9_-]+$/
const MAX_NAME = 128

export function legalId(id: string): string {
  return LEGAL.test(id) ? id : `toolu_${hash(id)}`
}

export function legalName(name: string): string {
  if (name.length <= MAX_NAME && LEGAL.test(name)) return name
  return `${name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, MAX_NAME - 16)}_${hash(name)}`
}

/** Two 32-bit FNV-1a sums with different seeds, in base 36 (14 characters). Not a secure hash. */
export function hash(text: string): string {
  return fnv(text, 0x811c9dc5) + fnv(text, 0x9747b28c)
}

function fnv(text: string, seed: number): string {
  let sum = seed
  for (let index = 0; index < text.length; index += 1)
    sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193)
  return (sum >>> 0).toString(36).padStart(7, '0')
}
