import { type Fields, text } from '../../json.ts'
import { type Performance, type Take, tokensOf } from '../../scene/performance.ts'
import type { Stage, WireEvent } from '../dialect.ts'
import { interleave, runs } from '../pieces.ts'
import { finishOf, partsOf, tail, usageMembers } from './shape.ts'

/** Splits a text part into parts of the same kind; calls come whole. */
function streamedParts(part: Fields, whole: boolean): Fields[] {
  const words = text(part['text'])
  if (words === '' || whole) return [part]
  return runs(words, 12).map((run) => ({ ...part, text: run }))
}

interface Chunk {
  candidate: Fields
  tokens: number
}

function takeChunks(take: Take, index: number, stage: Stage): Chunk[] {
  const whole = take.pieces.some((piece) => piece.type === 'text' && piece.whole)
  const chunks = partsOf(take, stage)
    .flatMap((part) => streamedParts(part, whole))
    .map((part) => ({
      candidate: { content: { role: 'model', parts: [part] }, index },
      tokens: tokensOf(text(part['text']) || JSON.stringify(part['functionCall'] ?? '')),
    }))
  const refused = take.finish === 'refusal'
  const content = refused ? {} : { content: { role: 'model', parts: [{ text: '' }] } }
  return [...chunks, { candidate: { ...content, finishReason: finishOf(take), index }, tokens: 0 }]
}

/** `data:` lines only, no sentinel. Vertex says nothing but the traffic type until the last chunk. */
export function streamGenerate(performance: Performance, stage: Stage): WireEvent[] {
  const { vendor } = stage.request
  const usage = usageMembers(performance.bill, vendor)
  const early =
    vendor === 'vertex' && performance.bill ? { usageMetadata: { trafficType: 'ON_DEMAND' } } : usage
  const chunks = interleave(performance.takes.map((take, index) => takeChunks(take, index, stage)))
  let produced = 0
  return chunks.map(({ candidate, tokens }, place) => {
    produced += tokens
    const isLast = place === chunks.length - 1
    const body = { candidates: [candidate], ...(isLast ? usage : early), ...tail(stage) }
    return { text: `data: ${JSON.stringify(body)}\n\n`, produced }
  })
}

/** Without `alt=sse` the stream is one JSON array, sent in pieces. */
export function asJsonArray(events: readonly WireEvent[]): WireEvent[] {
  return events.map((event, index) => ({
    ...event,
    text: `${index === 0 ? '[' : ',\n'}${event.text.slice('data: '.length).trim()}${index === events.length - 1 ? ']' : ''}`,
  }))
}
