import type { Fields } from '../../json.ts'
import { type Performance, type Piece, type Take, tokensOf } from '../../scene/performance.ts'
import type { Stage, WireEvent } from '../dialect.ts'
import { interleave, runs } from '../pieces.ts'
import { callId, finishOf, header, piecesOf, reasoningMembers, usageMembers } from './shape.ts'
import { chatVendor } from './vendors.ts'

/** A delta of one choice and the output tokens it stands for. */
interface Delta {
  delta: Fields
  tokens: number
  finish?: Fields
}

function callDeltas(piece: Extract<Piece, { type: 'call' }>, id: string, index: number): Delta[] {
  const first = { index, id, type: 'function', function: { name: piece.name, arguments: '' } }
  const rest = runs(JSON.stringify(piece.arguments), 5).map((part) => ({
    delta: { tool_calls: [{ index, function: { arguments: part } }] },
    tokens: tokensOf(part),
  }))
  return [{ delta: { tool_calls: [first] }, tokens: tokensOf(piece.name) }, ...rest]
}

function textDeltas(piece: Exclude<Piece, { type: 'call' }>, stage: Stage): Delta[] {
  const size = piece.type === 'text' && piece.whole ? piece.text.length : 7
  if (piece.type === 'thinking') return thinkingDeltas(piece, stage)
  const name = piece.type === 'text' ? 'content' : 'refusal'
  return runs(piece.text, size).map((part) => ({ delta: { [name]: part }, tokens: tokensOf(part) }))
}

/** The signature of reasoning details comes late, in an entry of its own with the same index. */
function thinkingDeltas(piece: Extract<Piece, { type: 'thinking' }>, stage: Stage): Delta[] {
  const style = chatVendor(stage.request.vendor).reasoning
  if (style === 'none') return [{ delta: {}, tokens: tokensOf(piece.text) }]
  const parts = runs(piece.text)
  if (style === 'content')
    return parts.map((part) => ({
      delta: { content: null, reasoning_content: part },
      tokens: tokensOf(part),
    }))
  const detail = { type: 'reasoning.text', format: 'anthropic-claude-v1', index: 0 }
  const texts = parts.map((part) => ({
    delta: { content: '', reasoning: part, reasoning_details: [{ ...detail, text: part }] },
    tokens: tokensOf(part),
  }))
  const whole = reasoningMembers(piece, stage)['reasoning_details'] as { signature: string }[]
  const signature = whole[0]?.signature
  return [...texts, { delta: { content: '', reasoning_details: [{ ...detail, signature }] }, tokens: 0 }]
}

/** Argument deltas of parallel calls interleave: index 0, 1, 0, 1. */
function takeDeltas(take: Take, candidate: number, stage: Stage): Delta[] {
  const pieces = piecesOf(take, stage)
  const plain = pieces.flatMap((piece) => (piece.type === 'call' ? [] : textDeltas(piece, stage)))
  const calls = pieces
    .filter((piece) => piece.type === 'call')
    .map((piece, index) => callDeltas(piece, callId(stage, candidate, index), index))
  const start: Delta = { delta: { role: 'assistant', content: '', refusal: null }, tokens: 0 }
  const finish: Delta = { delta: {}, tokens: 0, finish: finishOf(take, stage.request.vendor) }
  return [start, ...plain, ...interleave(calls), finish]
}

export function streamChat(performance: Performance, stage: Stage): WireEvent[] {
  const { vendor } = stage.request
  const style = chatVendor(vendor)
  const asked = stage.conversation.includeUsage
  const usage = usageMembers(performance.bill, vendor)
  const base = {
    ...header(stage, 'chat.completion.chunk'),
    ...(style.usage === 'asked' && asked ? { usage: null } : {}),
  }
  const data = (chunk: Fields): string => `data: ${JSON.stringify(chunk)}\n\n`

  let produced = 0
  const perChoice = performance.takes.map((take, index) =>
    takeDeltas(take, index, stage).map((delta) => ({ ...delta, index })),
  )
  const events: WireEvent[] = interleave(perChoice).map(({ index, delta, tokens, finish }) => {
    produced += tokens
    const choice = { index, delta, logprobs: null, finish_reason: null, ...finish }
    const last = finish !== undefined && style.usage === 'finish' && index === performance.takes.length - 1
    return { text: data({ ...base, choices: [choice], ...(last ? usage : {}) }), produced }
  })
  if (style.comments) events.unshift({ text: ': OPENROUTER PROCESSING\n\n', produced: 0 })
  if ((style.usage === 'asked' && asked) || style.usage === 'always')
    if (performance.bill) events.push({ text: data({ ...base, choices: [], ...usage }), produced })
  events.push({ text: 'data: [DONE]\n\n', produced })
  return events
}
