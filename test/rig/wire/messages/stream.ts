import type { Fields } from '../../json.ts'
import { type Performance, type Piece, tokensOf } from '../../scene/performance.ts'
import type { Stage, WireEvent } from '../dialect.ts'
import { runs } from '../pieces.ts'
import {
  callId,
  finishMembers,
  messageHead,
  redactedData,
  shownPieces,
  signatureOf,
  usageOf,
} from './shape.ts'

export function namedEvent(type: string, members: Fields): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`
}

type Shown = Exclude<Piece, { type: 'refusal' }>

/** The start of a block and its deltas, each with the tokens it stands for. */
function blockParts(
  piece: Shown,
  index: number,
  stage: Stage,
): { start: Fields; deltas: [Fields, number][] } {
  if (piece.type === 'text') {
    const parts = runs(piece.text, piece.whole ? piece.text.length : 7)
    return {
      start: { type: 'text', text: '' },
      deltas: parts.map((text) => [{ type: 'text_delta', text }, tokensOf(text)]),
    }
  }
  if (piece.type === 'call') {
    const json = Object.keys(piece.arguments).length === 0 ? [''] : runs(JSON.stringify(piece.arguments), 5)
    return {
      start: { type: 'tool_use', id: callId(stage, index), name: piece.name, input: {} },
      deltas: json.map((part) => [{ type: 'input_json_delta', partial_json: part }, tokensOf(part)]),
    }
  }
  if (piece.redacted)
    return { start: { type: 'redacted_thinking', data: redactedData(piece.text, stage) }, deltas: [] }
  const texts: [Fields, number][] = runs(piece.text).map((part) => [
    { type: 'thinking_delta', thinking: part },
    tokensOf(part),
  ])
  return {
    start: { type: 'thinking', thinking: '', signature: '' },
    deltas: [...texts, [{ type: 'signature_delta', signature: signatureOf(piece.text, stage) }, 0]],
  }
}

function* blockEvents(piece: Shown, index: number, stage: Stage): Iterable<{ text: string; tokens: number }> {
  const { start, deltas } = blockParts(piece, index, stage)
  yield { text: namedEvent('content_block_start', { index, content_block: start }), tokens: 0 }
  for (const [delta, tokens] of deltas)
    yield { text: namedEvent('content_block_delta', { index, delta }), tokens }
  yield { text: namedEvent('content_block_stop', { index }), tokens: 0 }
}

export function streamMessage(performance: Performance, stage: Stage): WireEvent[] {
  const take = performance.takes[0]
  const bill = performance.bill
  const head = {
    ...messageHead(stage),
    content: [],
    stop_reason: null,
    stop_sequence: null,
    ...(bill ? { usage: { ...usageOf(bill), output_tokens: 1 } } : {}),
  }
  const events: WireEvent[] = [
    { text: namedEvent('message_start', { message: head }), produced: 0 },
    { text: namedEvent('ping', {}), produced: 0 },
  ]
  let produced = 0
  for (const [index, piece] of shownPieces(take, stage).entries())
    for (const { text, tokens } of blockEvents(piece, index, stage)) {
      produced += tokens
      events.push({ text, produced })
    }
  const usage = bill ? { usage: usageOf(bill) } : {}
  events.push({ text: namedEvent('message_delta', { delta: finishMembers(take), ...usage }), produced })
  events.push({ text: namedEvent('message_stop', {}), produced })
  return events
}
