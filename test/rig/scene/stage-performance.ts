import type { Conversation } from '../wire/conversation.ts'
import { type Bill, type Performance, type Piece, type Take, tokensOf } from './performance.ts'
import { scenes } from './scenes.ts'

function cutAtStop(take: Take, stops: readonly string[]): Take {
  const text = take.pieces.map((piece) => (piece.type === 'text' ? piece.text : '')).join('')
  const hits = stops.map((stop) => ({ stop, at: text.indexOf(stop) })).filter((hit) => hit.at >= 0)
  const first = hits.sort((a, b) => a.at - b.at)[0]
  if (first === undefined) return take
  return { pieces: cutText(take.pieces, first.at), finish: 'stop-sequence', stopSequence: first.stop }
}

/** Keeps `units` UTF-16 units of visible text and nothing after them. */
function cutText(pieces: readonly Piece[], units: number): Piece[] {
  const kept: Piece[] = []
  let left = units
  for (const piece of pieces) {
    if (piece.type !== 'text') {
      kept.push(piece)
      continue
    }
    if (left > 0) kept.push({ ...piece, text: piece.text.slice(0, left) })
    left -= piece.text.length
    if (left <= 0) break
  }
  return kept
}

/** A piece that is marked whole tests the size of one event: it is never cut. */
function cutAtLength(take: Take, maxTokens: number | undefined): Take {
  const text = take.pieces.map((piece) => (piece.type === 'text' ? piece.text : '')).join('')
  if (maxTokens === undefined || tokensOf(text) <= maxTokens) return take
  if (take.pieces.some((piece) => piece.type === 'text' && piece.whole)) return take
  return { pieces: cutText(take.pieces, maxTokens * 4), finish: 'length' }
}

function pieceTokens(piece: Piece): number {
  return tokensOf(piece.type === 'call' ? piece.name + JSON.stringify(piece.arguments) : piece.text)
}

function billFor(takes: readonly Take[], promptTokens: number): Bill {
  const pieces = takes.flatMap((take) => take.pieces)
  const reasoning = pieces
    .filter((piece) => piece.type === 'thinking')
    .reduce((sum, piece) => sum + pieceTokens(piece), 0)
  const output = pieces.reduce((sum, piece) => sum + pieceTokens(piece), 0)
  return { input: promptTokens, cacheRead: 0, cacheWrite: 0, output, reasoning }
}

/** Plays a scene under the request's own limits: stop sequences, length, number of answers. */
export function perform(
  name: string,
  argument: number | undefined,
  conversation: Conversation,
  promptTokens: number,
): Performance {
  const scene = scenes[name]
  if (scene === undefined) {
    const known = Object.keys(scenes).join(', ')
    throw new Error(`The rig has no scene "${name}". It has: ${known}.`)
  }
  const played = scene(conversation, argument)
  const takes = (played.takes ?? []).map((take) =>
    cutAtLength(cutAtStop(take, conversation.stop), conversation.maxTokens),
  )
  const all = Array.from({ length: conversation.candidates }, () => takes).flat()
  return { takes: all, bill: played.bill ?? billFor(all, promptTokens), failure: played.failure }
}
