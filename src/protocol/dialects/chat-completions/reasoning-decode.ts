import { invalid } from '../../model/error.ts'
import { isObject, type Json, type JsonObject, rest } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import { describe, readBoolean, readNumber, readObject, readString } from '../../model/read.ts'
import { isEffort } from '../../model/reasoning.ts'
import type { Reasoning } from '../../model/request.ts'

const modes: Record<string, Reasoning['mode']> = {
  enabled: 'enabled',
  disabled: 'disabled',
  adaptive: 'adaptive',
  between_tools: 'between-tools',
}

/**
 * What the client asked of the model's thinking, in any of the forms seen: `reasoning_effort` (a word, or an
 * object), `reasoning`, `thinking`, `include_reasoning`. Words outside the ladder (`default`) are left in `kept`.
 */
export function decodeReasoning(body: JsonObject, kept: JsonObject): Reasoning | undefined {
  const asked: Reasoning = defined({
    ...fromThinking(body, kept),
    ...fromReasoning(body, kept),
    ...fromEffort(body['reasoning_effort'], kept),
  })
  if (body['include_reasoning'] === false) asked.exclude = true
  for (const _ in asked) return asked
  return undefined
}

function fromEffort(value: Json | undefined, kept: JsonObject): Reasoning {
  if (value === undefined || value === null) return {}
  if (isEffort(value)) return { effort: value }
  if (typeof value === 'string') {
    kept['reasoning_effort'] = value
    return {}
  }
  if (!isObject(value))
    throw invalid('reasoning_effort', `expected a word such as "medium", got ${describe(value)}`)
  return defined({
    ...effortMember(value, 'reasoning_effort', {}),
    display: readString(value, 'summary', 'reasoning_effort'),
  })
}

function effortMember(object: JsonObject, path: string, leftover: JsonObject): Reasoning {
  const word = readString(object, 'effort', path)
  if (word === undefined) return {}
  if (isEffort(word)) return { effort: word }
  leftover['effort'] = word
  return {}
}

const reasoningMembers = new Set(['effort', 'max_tokens', 'exclude', 'enabled', 'summary'])

/** `reasoning: {effort | max_tokens, exclude, enabled, summary}` (protocol.md §2.8.2). */
function fromReasoning(body: JsonObject, kept: JsonObject): Reasoning {
  const path = 'reasoning'
  const object = readObject(body, path, '')
  if (!object) return {}
  const leftover: JsonObject = { ...rest(object, reasoningMembers) }
  const enabled = readBoolean(object, 'enabled', path)
  const asked = defined({
    mode: enabled === undefined ? undefined : enabled ? ('enabled' as const) : ('disabled' as const),
    budgetTokens: readNumber(object, 'max_tokens', path, { min: 0, integer: true }),
    exclude: readBoolean(object, 'exclude', path),
    display: readString(object, 'summary', path),
    ...effortMember(object, path, leftover),
  })
  keepRest(kept, path, leftover)
  return asked
}

const thinkingMembers = new Set(['type', 'budget_tokens', 'display'])

/** `thinking: {type, budget_tokens}`: the form of several compatible servers (protocol.md §1.5). */
function fromThinking(body: JsonObject, kept: JsonObject): Reasoning {
  const path = 'thinking'
  const object = readObject(body, path, '')
  if (!object) return {}
  const leftover: JsonObject = { ...rest(object, thinkingMembers) }
  const type = readString(object, 'type', path)
  const mode = type !== undefined && Object.hasOwn(modes, type) ? modes[type] : undefined
  if (type !== undefined && mode === undefined) leftover['type'] = type
  const asked = defined({
    mode,
    budgetTokens: readNumber(object, 'budget_tokens', path, { min: 0, integer: true }),
    display: readString(object, 'display', path),
  })
  keepRest(kept, path, leftover)
  return asked
}

function keepRest(kept: JsonObject, key: string, leftover: JsonObject): void {
  for (const _ in leftover) {
    kept[key] = leftover
    return
  }
}
