import type { Losses } from '../../model/dropped.ts'
import { isObject, type JsonObject } from '../../model/json.ts'
import { FILLER } from '../../model/stand-in.ts'

/** One turn on the wire while it is put in order. */
export interface Turn {
  role: 'user' | 'assistant' | 'system'
  content: JsonObject[]
  /** Members beside role and content. */
  rest?: JsonObject
}

/**
 * Puts turns into the order this wire demands (protocol.md §2.3): no empty turns, roles alternate, at
 * least one turn, every call is answered at the start of the next turn exactly once. Each change that alters what
 * the caller said is reported.
 */
export function normaliseTurns(turns: readonly Turn[], prefill: boolean, losses: Losses): Turn[] {
  const merged = merge(sinkSystem(turns.filter((turn) => turn.content.length > 0)))
  const paired = merge(pairResults(merged, losses))
  return finish(someTurn(paired, losses), prefill, losses)
}

/** A system turn between calls and their results would part them: it moves behind the results. */
function sinkSystem(turns: readonly Turn[]): Turn[] {
  const out: Turn[] = []
  let held: Turn[] = []
  for (const turn of turns) {
    const previous = out.at(-1)
    if (turn.role === 'system' && previous?.role === 'assistant' && callIds(previous).length > 0) {
      held.push(turn)
      continue
    }
    out.push(turn)
    if (turn.role === 'user') {
      out.push(...held)
      held = []
    }
  }
  return [...out, ...held]
}

function merge(turns: readonly Turn[]): Turn[] {
  const out: Turn[] = []
  for (const turn of turns) {
    const previous = out.at(-1)
    if (previous?.role !== turn.role) {
      out.push({ ...turn })
      continue
    }
    previous.content = [...previous.content, ...turn.content]
    if (turn.rest) previous.rest = { ...previous.rest, ...turn.rest }
  }
  return out
}

function pairResults(turns: readonly Turn[], losses: Losses): Turn[] {
  const out: Turn[] = []
  turns.forEach((turn, index) => {
    const previous = out.at(-1)
    const open = previous?.role === 'assistant' ? callIds(previous) : []
    out.push(turn.role === 'user' ? { ...turn, content: answered(open, turn.content, losses) } : turn)
    const calls = turn.role === 'assistant' ? callIds(turn) : []
    if (calls.length > 0 && turns[index + 1]?.role !== 'user')
      out.push({ role: 'user', content: answered(calls, [], losses) })
  })
  return out
}

function callIds(turn: Turn): string[] {
  return turn.content.flatMap((wire) =>
    wire.type === 'tool_use' && typeof wire.id === 'string' ? [wire.id] : [],
  )
}

/** Results first, in the caller's order, the last of several for one call; then what is missing; then the rest. */
function answered(open: readonly string[], content: readonly JsonObject[], losses: Losses): JsonObject[] {
  const wanted = new Set(open)
  const results = new Map<string, JsonObject>()
  const others: JsonObject[] = []
  for (const wire of content) {
    if (wire.type !== 'tool_result') {
      others.push(wire)
      continue
    }
    const id = String(wire.tool_use_id)
    if (!wanted.has(id)) {
      losses.approximate(
        'messages',
        `the result of call ${id}, which is not in the turn before, is sent as text`,
      )
      others.push(...orphan(id, wire))
    } else {
      if (results.has(id)) losses.approximate('messages', `call ${id} has several results, the last is sent`)
      results.set(id, wire)
    }
  }
  for (const id of open) {
    if (results.has(id)) continue
    losses.approximate('messages', `call ${id} has no result, an error is sent in its place`)
    results.set(id, {
      type: 'tool_result',
      tool_use_id: id,
      content: 'tool result missing',
      is_error: true,
    })
  }
  return [...results.values(), ...others]
}

function orphan(id: string, wire: JsonObject): JsonObject[] {
  const label = { type: 'text', text: `Result of tool call ${id}:` }
  if (typeof wire.content === 'string') return [{ type: 'text', text: `${label.text}\n${wire.content}` }]
  return [label, ...(Array.isArray(wire.content) ? wire.content.filter(isObject) : [])]
}

/** A system prompt alone is refused. A conversation that begins with the assistant is not (recorded exchange). */
function someTurn(turns: readonly Turn[], losses: Losses): Turn[] {
  if (turns.some((turn) => turn.role !== 'system')) return [...turns]
  losses.approximate('messages', 'the upstream wants at least one user turn, one was added')
  return [...turns, { role: 'user', content: [{ type: 'text', text: FILLER }] }]
}

/**
 * A last assistant turn that ends in text is a prefill: its trailing white space is refused, and some models
 * take no prefill at all. One that ends in something else (a paused server tool) is continued as it is.
 */
function finish(turns: Turn[], prefill: boolean, losses: Losses): Turn[] {
  const turn = turns.at(-1)
  const block = turn?.content.at(-1)
  if (turn?.role !== 'assistant' || block?.type !== 'text' || typeof block.text !== 'string') return turns
  if (!prefill) {
    losses.approximate(
      'messages',
      'the upstream model cannot continue an assistant turn, it was asked to go on',
    )
    return [...turns, { role: 'user', content: [{ type: 'text', text: FILLER }] }]
  }
  const text = block.text.trimEnd()
  const before = turn.content.slice(0, -1)
  const content = text === '' ? before : [...before, { ...block, text }]
  const earlier = turns.slice(0, -1)
  return content.length === 0 ? earlier : [...earlier, { ...turn, content }]
}

/** True when the last calls of the model are being answered and their turn carries no thinking (protocol.md §2.8.2). */
export function answersUnsignedCalls(turns: readonly Turn[]): boolean {
  const last = turns.at(-1)
  const asked = turns.findLast((turn) => turn.role === 'assistant')
  if (last?.content[0]?.type !== 'tool_result' || asked === undefined || callIds(asked).length === 0)
    return false
  return !asked.content.some((wire) => wire.type === 'thinking' || wire.type === 'redacted_thinking')
}
