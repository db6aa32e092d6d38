import type { Fields } from '../../json.ts'
import type { Bill, Piece, Take } from '../../scene/performance.ts'
import type { Stage } from '../dialect.ts'
import { chatVendor } from './vendors.ts'

/** What whole answers and streams of this wire have in common. */

/** Seconds since 1970: the rig's answers are the same in every run. */
const CREATED = 1_790_000_000

const finishes: Record<Take['finish'], string> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  tools: 'tool_calls',
  refusal: 'stop',
}

export function finishOf(take: Take, vendor: string): Fields {
  const reason = finishes[take.finish]
  return vendor === 'openrouter'
    ? { finish_reason: reason, native_finish_reason: take.finish }
    : { finish_reason: reason }
}

export function header(stage: Stage, object: string): Fields {
  const { vendor, model } = stage.request
  return {
    id: `chatcmpl-rig${stage.serial}`,
    object,
    created: CREATED + stage.serial,
    model,
    ...(vendor === 'openai' ? { service_tier: 'default', system_fingerprint: 'fp_rig' } : {}),
    ...(vendor === 'openrouter' ? { provider: 'Rig' } : {}),
  }
}

export function callId(stage: Stage, candidate: number, index: number): string {
  return `call_rig${stage.serial}n${candidate}i${index}`
}

/** Some models reason before every answer, whatever the scene says. */
export function piecesOf(take: Take, stage: Stage): Piece[] {
  const { vendor, model } = stage.request
  const always = chatVendor(vendor).alwaysReasons?.test(model) === true
  if (!always || take.pieces.some((piece) => piece.type === 'thinking')) return take.pieces
  return [{ type: 'thinking', text: 'Hm.' }, ...take.pieces]
}

/** The members that carry one piece of reasoning on this vendor's wire; empty where it shows none. */
export function reasoningMembers(piece: Extract<Piece, { type: 'thinking' }>, stage: Stage): Fields {
  const { vendor, model, seal } = stage.request
  const style = chatVendor(vendor).reasoning
  if (style === 'none') return {}
  if (style === 'content') return { reasoning_content: piece.text }
  const signature = seal.make(vendor, model, piece.text)
  const detail = {
    type: 'reasoning.text',
    text: piece.text,
    signature,
    format: 'anthropic-claude-v1',
    index: 0,
  }
  return { reasoning: piece.text, reasoning_details: [detail] }
}

export function usageMembers(bill: Bill | undefined, vendor: string): Fields {
  if (bill === undefined) return {}
  const deepseek = {
    prompt_cache_hit_tokens: bill.cacheRead,
    prompt_cache_miss_tokens: bill.input - bill.cacheRead,
  }
  return {
    usage: {
      prompt_tokens: bill.input,
      completion_tokens: bill.output,
      total_tokens: bill.input + bill.output,
      prompt_tokens_details: {
        cached_tokens: bill.cacheRead,
        cache_write_tokens: bill.cacheWrite,
        audio_tokens: 0,
      },
      completion_tokens_details: { reasoning_tokens: bill.reasoning, audio_tokens: 0 },
      ...(vendor === 'deepseek' ? deepseek : {}),
      ...(vendor === 'openrouter' ? { cost: bill.output / 1_000_000, is_byok: false } : {}),
    },
  }
}
