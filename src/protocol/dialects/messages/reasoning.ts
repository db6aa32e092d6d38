import { type JsonObject, rest } from '../../model/json.ts'
import { NOTE_PREFIX } from '../../model/origin.ts'
import { readNumber, readObject, readString, required } from '../../model/read.ts'
import type { ChatRequest, Effort, OutputFormat, Reasoning } from '../../model/request.ts'

/**
 * What a client of this dialect says of thinking and of the form of the output. `own.thinking` and
 * `own.output_config` keep what the model has no member for; that they are there also tells the encoder that
 * the client spoke this dialect's own words.
 */
const modes: ReadonlyMap<string, Reasoning['mode']> = new Map([
  ['enabled', 'enabled'],
  ['adaptive', 'adaptive'],
  ['between_tools', 'between-tools'],
  ['disabled', 'disabled'],
])

const thinkingKeys = new Set(['type', 'budget_tokens', 'display'])

export function decodeThinking(body: JsonObject, request: ChatRequest, own: JsonObject): void {
  const wire = readObject(body, 'thinking', '')
  if (wire === undefined) return
  const type = required(
    readString(wire, 'type', 'thinking'),
    'thinking.type',
    'enabled, adaptive or disabled',
  )
  const mode = modes.get(type)
  if (mode === undefined) {
    own.thinking = wire
    return
  }
  own.thinking = rest(wire, thinkingKeys) ?? {}
  const reasoning: Reasoning = { mode }
  const budget = readNumber(wire, 'budget_tokens', 'thinking', { min: 1, integer: true })
  const display = readString(wire, 'display', 'thinking')
  if (mode === 'enabled')
    reasoning.budgetTokens = required(budget, 'thinking.budget_tokens', 'a number of tokens')
  if (display !== undefined) reasoning.display = display
  request.reasoning = reasoning
}

const efforts: ReadonlySet<string> = new Set(['low', 'medium', 'high', 'xhigh', 'max'] satisfies Effort[])
const outputKeys = new Set(['format'])
const understoodKeys = new Set(['format', 'effort'])

/** Notes that the effort was said in this dialect's own words, which do not switch thinking on. */
export const OWN_EFFORT = `${NOTE_PREFIX}effort`

/** `output_config` and the older top-level `output_format`; the newer wins. */
export function decodeOutput(body: JsonObject, request: ChatRequest, own: JsonObject): void {
  const config = readObject(body, 'output_config', '')
  const effort = config && readString(config, 'effort', 'output_config')
  const isKnown = effort !== undefined && efforts.has(effort)
  const others = config && rest(config, isKnown ? understoodKeys : outputKeys)
  if (others) own.output_config = others
  if (isKnown) {
    request.reasoning = { ...request.reasoning, effort: effort as Effort }
    own[OWN_EFFORT] = effort
  }
  const newer = config && readObject(config, 'format', 'output_config')
  if (newer) decodeFormat(newer, 'output_config.format', request, own)
  else {
    const older = readObject(body, 'output_format', '')
    if (older) decodeFormat(older, 'output_format', request, own)
  }
}

const formatKeys = new Set(['type', 'schema'])

function decodeFormat(wire: JsonObject, path: string, request: ChatRequest, own: JsonObject): void {
  const type = required(readString(wire, 'type', path), `${path}.type`, '"json_schema"')
  if (type !== 'json_schema') {
    own.output_format = wire
    return
  }
  const schema = required(readObject(wire, 'schema', path), `${path}.schema`, 'a JSON schema')
  const format: OutputFormat = { type: 'json-schema', schema }
  const others = rest(wire, formatKeys)
  if (others) own.output_format = others
  request.format = format
}
