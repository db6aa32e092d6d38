import type { Fields } from '../../json.ts'
import type { Performance, Piece } from '../../scene/performance.ts'
import type { Stage } from '../dialect.ts'
import {
  callId,
  finishMembers,
  messageHead,
  redactedData,
  shownPieces,
  signatureOf,
  usageOf,
} from './shape.ts'

function blockOf(piece: Exclude<Piece, { type: 'refusal' }>, index: number, stage: Stage): Fields {
  if (piece.type === 'text') return { type: 'text', text: piece.text, citations: null }
  if (piece.type === 'call')
    return { type: 'tool_use', id: callId(stage, index), name: piece.name, input: piece.arguments }
  if (piece.redacted) return { type: 'redacted_thinking', data: redactedData(piece.text, stage) }
  return { type: 'thinking', thinking: piece.text, signature: signatureOf(piece.text, stage) }
}

export function encodeMessage(performance: Performance, stage: Stage): Fields {
  const take = performance.takes[0]
  return {
    ...messageHead(stage),
    content: shownPieces(take, stage).map((piece, index) => blockOf(piece, index, stage)),
    ...finishMembers(take),
    ...(performance.bill ? { usage: usageOf(performance.bill) } : {}),
  }
}
