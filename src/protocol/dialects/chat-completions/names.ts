import type { Capabilities } from '../../model/capabilities.ts'
import type { Tool } from '../../model/request.ts'
import { legalName, type NameRule, stableHash } from '../../model/stable-hash.ts'
import { NAME_PATTERN } from './wire.ts'

/**
 * A call id the upstream takes: the id itself if it fits, else one derived from it, so that a call and its result
 * stay a pair however often the history is sent (protocol.md §2.5).
 */
export function wireCallId(id: string, rule: Capabilities['callId']): string {
  if (!rule || fits(id, rule)) return id
  if (rule.length !== undefined) return stableHash(id, rule.length)
  const length = Math.min(24, (rule.maxLength ?? 64) - 'call_'.length)
  const prefixed = `call_${stableHash(id, Math.max(length, 1))}`
  return fits(prefixed, rule) ? prefixed : stableHash(id, Math.min(24, rule.maxLength ?? 24))
}

function fits(id: string, rule: NonNullable<Capabilities['callId']>): boolean {
  if (rule.length !== undefined && id.length !== rule.length) return false
  return rule.pattern.test(id) && id.length <= (rule.maxLength ?? id.length)
}

const rule: NameRule = { legal: NAME_PATTERN, illegal: /[^a-zA-Z0-9_-]/g, longest: 64 }

/** The name this wire takes for a tool. */
export function wireToolName(name: string): string {
  return legalName(name, rule)
}

/** The tool a wire name stands for, among those of the request. */
export function toolOf(name: string, tools: readonly Tool[] | undefined): Tool | undefined {
  return (
    tools?.find((tool) => tool.name === name) ??
    tools?.find((tool) => tool.name && wireToolName(tool.name) === name)
  )
}
