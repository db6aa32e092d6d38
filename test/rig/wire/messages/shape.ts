import { at, type Fields } from '../../json.ts'
import type { Bill, Piece, Take } from '../../scene/performance.ts'
import type { Stage } from '../dialect.ts'
import { claudeLimits } from './models.ts'

const finishes: Record<Take['finish'], string> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  tools: 'tool_use',
  refusal: 'refusal',
}

export function finishMembers(take: Take | undefined): Fields {
  const refusal = take?.pieces.find((piece) => piece.type === 'refusal')
  return {
    stop_reason: finishes[take?.finish ?? 'stop'],
    stop_sequence: take?.stopSequence ?? null,
    stop_details: refusal ? { type: 'refusal', category: 'general_harms', explanation: refusal.text } : null,
    container: null,
  }
}

export function usageOf(bill: Bill): Fields {
  return {
    input_tokens: bill.input - bill.cacheRead - bill.cacheWrite,
    cache_creation_input_tokens: bill.cacheWrite,
    cache_read_input_tokens: bill.cacheRead,
    cache_creation: { ephemeral_5m_input_tokens: bill.cacheWrite, ephemeral_1h_input_tokens: 0 },
    output_tokens: bill.output,
    output_tokens_details: { thinking_tokens: bill.reasoning },
    service_tier: 'standard',
  }
}

type Shown = Exclude<Piece, { type: 'refusal' }>

/**
 * A refusal has no block of its own: the explanation stands in `stop_details`. Thinking is there when it was asked
 * for; models that think by default keep its text to themselves unless told otherwise.
 */
export function shownPieces(take: Take | undefined, stage: Stage): Shown[] {
  const byDefault = claudeLimits(stage.request.model).byDefault === true
  const isThinking = stage.conversation.thinking || byDefault
  const isOmitted = byDefault && at(stage.request.body, 'thinking', 'display') !== 'summarized'
  return (take?.pieces ?? [])
    .filter((piece): piece is Shown => piece.type !== 'refusal' && (piece.type !== 'thinking' || isThinking))
    .map((piece) => (piece.type === 'thinking' && isOmitted ? { ...piece, text: '' } : piece))
}

export function signatureOf(words: string, stage: Stage): string {
  return stage.request.seal.make(stage.request.vendor, stage.request.model, words)
}

export function redactedData(words: string, stage: Stage): string {
  return `${signatureOf(words, stage)}.${encodeURIComponent(words)}`
}

export function callId(stage: Stage, index: number): string {
  return `toolu_rig${stage.serial}i${index}`
}

export function messageHead(stage: Stage): Fields {
  return { id: `msg_rig${stage.serial}`, type: 'message', role: 'assistant', model: stage.request.model }
}
