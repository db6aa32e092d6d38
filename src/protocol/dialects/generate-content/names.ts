/** protocol.md §1.4: starts with a letter or underscore, up to 128 characters of a small alphabet. */
const LEGAL = /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/
const LONGEST = 128

/**
 * A function name this wire takes. Legal names stay; others have their characters replaced and a short hash of the
 * whole name appended, so that two names never meet and the same name always gives the same result (calls, results
 * and tool choice of later turns agree). The way back is the pipeline's (`pipeline/tool-names.ts`).
 */
export function sanitiseName(name: string): string {
  if (LEGAL.test(name)) return name
  const suffix = `_${shortHash(name)}`
  const replaced = name.replace(/[^A-Za-z0-9_.:-]/gu, '_')
  const started = /^[A-Za-z_]/.test(replaced) ? replaced : `_${replaced}`
  return started.slice(0, LONGEST - suffix.length) + suffix
}

/** 32-bit FNV-1a over UTF-16 code units, in base 36. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0
  return hash.toString(36)
}
