import type { Fields } from '../../json.ts'
import type { Performance, Piece, Take } from '../../scene/performance.ts'
import type { Stage } from '../dialect.ts'
import { callId, finishOf, header, piecesOf, reasoningMembers, usageMembers } from './shape.ts'

function textOf(pieces: readonly Piece[], type: 'text' | 'refusal'): string | null {
  const found = pieces.flatMap((piece) => (piece.type === type ? [piece.text] : []))
  return found.length === 0 ? null : found.join('')
}

function messageOf(take: Take, candidate: number, stage: Stage): Fields {
  const pieces = piecesOf(take, stage)
  const calls = pieces
    .filter((piece) => piece.type === 'call')
    .map((piece, index) => ({
      id: callId(stage, candidate, index),
      type: 'function',
      function: { name: piece.name, arguments: JSON.stringify(piece.arguments) },
    }))
  const thinking = pieces.filter((piece) => piece.type === 'thinking')
  return {
    role: 'assistant',
    content: textOf(pieces, 'text'),
    refusal: textOf(pieces, 'refusal'),
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
