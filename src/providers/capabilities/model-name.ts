/**
 * The name a family's patterns are tested against: lower case, without paths (`publishers/…/models/`, `models/`,
 * `anthropic/`), without a version after `@`, and for Claude with `-` where some hosts write `.`.
 */
export function canonicalModel(model: string): string {
  const lower = model.toLowerCase()
  const last = lower.slice(lower.lastIndexOf('/') + 1)
  const at = last.indexOf('@')
  const name = at > 0 ? last.slice(0, at) : last
  return name.startsWith('claude') ? name.replaceAll('.', '-') : name
}
