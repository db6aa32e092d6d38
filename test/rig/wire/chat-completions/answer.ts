import type { Fields } from '../../json.ts'
import type { Performance, Take } from '../../scene/performance.ts'
import type { Stage } from '../dialect.ts'
import { callId, finishOf, header, reasoningMembers, usageMembers } from './shape.ts'

function textOf(take: Take, type: 'text' | 'refusal'): string | null {
  const found = take.pieces.flatMap((piece) => (piece.type === type ? [piece.text] : []))
  return found.length === 0 ? null : found.join('')
}

function messageOf(take: Take, candidate: number, stage: Stage): Fields {
  const calls = take.pieces
    .filter((piece) => piece.type === 'call')
    .map((piece, index) => ({
      id: callId(stage, candidate, index),
      type: 'function',
      function: { name: piece.name, arguments: JSON.stringify(piece.arguments) },
    }))
  const thinking = take.pieces.filter((piece) => piece.type === 'thinking')
  return {
    role: 'assistant',
    content: textOf(take, 'text'),
    refusal: textOf(take, 'refusal'),
    ...Object.assign({}, ...thinking.map((piece) => reasoningMembers(piece, stage))),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

export function encodeChat(performance: Performance, stage: Stage): Fields {
  const choices = performance.takes.map((take, index) => ({
    index,
    message: messageOf(take, index, stage),
    logprobs: null,
    ...finishOf(take, stage.request.vendor),
  }))
  return {
    ...header(stage, 'chat.completion'),
    choices,
    ...usageMembers(performance.bill, stage.request.vendor),
  }
}
