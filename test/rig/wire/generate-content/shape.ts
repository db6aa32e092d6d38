import { canonical, type Fields } from '../../json.ts'
import type { Bill, Piece, Take } from '../../scene/performance.ts'
import type { Stage } from '../dialect.ts'

const finishes: Record<Take['finish'], string> = {
  stop: 'STOP',
  'stop-sequence': 'STOP',
  length: 'MAX_TOKENS',
  tools: 'STOP',
  refusal: 'SAFETY',
}

export function finishOf(take: Take): string {
  return finishes[take.finish]
}

/** Vertex counts no thoughts apart from the rest, and says how the traffic was billed. */
export function usageMembers(bill: Bill | undefined, vendor: string): Fields {
  if (bill === undefined) return {}
  return {
    usageMetadata: {
      promptTokenCount: bill.input,
      candidatesTokenCount: bill.output - bill.reasoning,
      totalTokenCount: bill.input + bill.output,
      thoughtsTokenCount: bill.reasoning,
      ...(bill.cacheRead > 0 ? { cachedContentTokenCount: bill.cacheRead } : {}),
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: bill.input }],
      ...(vendor === 'vertex' ? { trafficType: 'ON_DEMAND' } : {}),
    },
  }
}

export function tail(stage: Stage): Fields {
  return { modelVersion: stage.request.model, responseId: `rig${stage.serial}` }
}

function sign(content: string, stage: Stage): string {
  return stage.request.seal.make(stage.request.vendor, stage.request.model, content)
}

type Shown = Exclude<Piece, { type: 'refusal' }>

/**
 * Thoughts are shown when they were asked for, signatures always. The signature of a turn that thought stands on the last text, or on the first
 * call when there are calls.
 */
export function partsOf(take: Take, stage: Stage): Fields[] {
  const thought = take.pieces.some((piece) => piece.type === 'thinking')
  const calls = take.pieces.filter((piece) => piece.type === 'call')
  const shown = take.pieces.filter(
    (piece): piece is Shown =>
      piece.type !== 'refusal' && (piece.type !== 'thinking' || stage.conversation.thinking),
  )
  const parts = shown.map((piece) => partOf(piece, piece === calls[0], stage))
  if (thought && calls.length === 0) parts.push({ text: '', thoughtSignature: sign('', stage) })
  return parts
}

function partOf(piece: Shown, isFirstCall: boolean, stage: Stage): Fields {
  if (piece.type === 'text') return { text: piece.text }
  if (piece.type === 'thinking') return { text: piece.text, thought: true }
  const empty = Object.keys(piece.arguments).length === 0
  const functionCall = { name: piece.name, ...(empty ? {} : { args: piece.arguments }) }
  const content = `${piece.name}${canonical(piece.arguments)}`
  return isFirstCall ? { functionCall, thoughtSignature: sign(content, stage) } : { functionCall }
}
