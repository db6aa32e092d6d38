import { at, type Fields, fields, list, text } from '../../json.ts'
import type { Problem, WireRequest } from '../dialect.ts'
import { claudeLimits } from './models.ts'

interface WireTurn {
  role: string
  blocks: Fields[]
}

function blocksOf(content: unknown): Fields[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : list(content).map(fields)
}

/** The server joins neighbours of one role before it looks at pairs; system messages stand aside. */
export function mergedTurns(body: Fields): WireTurn[] {
  const turns: WireTurn[] = []
  for (const message of list(body['messages']).map(fields)) {
    const role = text(message['role'])
    if (role === 'system') continue
    const last = turns.at(-1)
    if (last?.role === role) last.blocks.push(...blocksOf(message['content']))
    else turns.push({ role, blocks: blocksOf(message['content']) })
  }
  return turns
}

function ids(turn: WireTurn | undefined, type: string, member: string): string[] {
  return (turn?.blocks ?? []).filter((block) => block['type'] === type).map((block) => text(block[member]))
}

function* resultsComeFirst(turn: WireTurn, index: number): Iterable<Problem> {
  const lastResult = turn.blocks.findLastIndex((block) => block['type'] === 'tool_result')
  if (lastResult < 0) return
  const before = turn.blocks.slice(0, lastResult)
  if (before.some((block) => block['type'] !== 'tool_result'))
    yield { path: `messages.${index}`, message: '`tool_result` blocks must come before any other content' }
}

/** Every `tool_use` is answered in the very next message, once, and nothing else is. */
export function* checkPairing({ body, model }: WireRequest): Iterable<Problem> {
  const turns = mergedTurns(body)
  let callsSeen = false
  for (const [index, turn] of turns.entries()) {
    const calls = ids(turn, 'tool_use', 'id')
    const results = ids(turns[index + 1], 'tool_result', 'tool_use_id')
    const missing = calls.filter((id) => !results.includes(id))
    callsSeen ||= calls.length > 0
    if (missing.length > 0)
      yield {
        path: `messages.${index}`,
        message: `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}.`,
      }
    const answered = ids(turn, 'tool_result', 'tool_use_id')
    const asked = ids(turns[index - 1], 'tool_use', 'id')
    const orphan = answered.find((id) => !asked.includes(id))
    if (orphan !== undefined)
      yield {
        path: `messages.${index}`,
        message: `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${orphan}.`,
      }
    if (new Set(answered).size < answered.length)
      yield {
        path: `messages.${index}`,
        message: 'each tool_use must have a single result. Found multiple `tool_result` blocks.',
      }
    yield* resultsComeFirst(turn, index)
  }
  if (callsSeen && list(body['tools']).length === 0)
    yield {
      path: 'tools',
      message: 'Requests which include `tool_use` or `tool_result` blocks must define tools',
    }
  if (turns.at(-1)?.role === 'assistant' && !claudeLimits(model).prefill)
    yield {
      path: 'messages',
      message:
        'This model does not support assistant message prefill. The conversation must end with a user message.',
    }
  const lastText = turns.at(-1)?.role === 'assistant' ? text(at(turns.at(-1)?.blocks.at(-1), 'text')) : ''
  if (lastText !== lastText.trimEnd())
    yield { path: 'messages', message: 'final assistant content cannot end with trailing whitespace' }
}
