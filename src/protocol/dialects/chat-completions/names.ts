import type { Capabilities } from '../../model/capabilities.ts'
import type { Tool } from '../../model/request.ts'
import { NAME_PATTERN } from './wire.ts'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** `length` base62 characters that depend on every character of `text`: the same text, the same characters. */
export function digest(text: string, length: number): string {
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

/**
 * A call id the upstream takes: the id itself if it fits, else one derived from it, so that a call and its result
 * stay a pair however often the history is sent (protocol.md §2.5).
 */
export function wireCallId(id: string, rule: Capabilities['callId']): string {
  if (!rule || fits(id, rule)) return id
  if (rule.length !== undefined) return digest(id, rule.length)
  const length = Math.min(24, (rule.maxLength ?? 64) - 'call_'.length)
  const prefixed = `call_${digest(id, Math.max(length, 1))}`
  return fits(prefixed, rule) ? prefixed : digest(id, Math.min(24, rule.maxLength ?? 24))
}

function fits(id: string, rule: NonNullable<Capabilities['callId']>): boolean {
  if (rule.length !== undefined && id.length !== rule.length) return false
  return rule.pattern.test(id) && id.length <= (rule.maxLength ?? id.length)
}

/** The name this wire takes for a tool: unchanged where legal, else cleaned, cut and told apart by a digest. */
export function wireName(name: string): string {
  if (NAME_PATTERN.test(name)) return name
  return `${name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 55)}_${digest(name, 8)}`
}

/** The tool a wire name stands for, among those of the request. */
export function toolOf(name: string, tools: readonly Tool[] | undefined): Tool | undefined {
  return (
    tools?.find((tool) => tool.name === name) ??
    tools?.find((tool) => tool.name && wireName(tool.name) === name)
  )
}
