import { legalName, type NameRule } from '../../model/stable-hash.ts'

/** protocol.md §1.4: starts with a letter or underscore, up to 128 characters of a small alphabet. */
const rule: NameRule = {
  legal: /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/,
  illegal: /[^A-Za-z0-9_.:-]/gu,
  first: /^[A-Za-z_]/,
  longest: 128,
}

/** The name this wire takes for a function. */
export function wireToolName(name: string): string {
  return legalName(name, rule)
}
