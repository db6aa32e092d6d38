import type { Block, Citation } from './block.ts'
import type { GatewayError } from './error.ts'
import type { Finish } from './finish.ts'
import type { Json, JsonObject } from './json.ts'
import type { Extensions, Opaque } from './origin.ts'
import type { Usage } from './usage.ts'

/**
 * A streamed answer. Grammar: `answer-start`, then blocks, then `answer-end` or `answer-error`, nothing after.
 * - `index` numbers the blocks of the whole answer from 0 in order of appearance, each used once.
 * - Blocks of one candidate may overlap (parallel tool calls whose arguments interleave), so an encoder for a
 *   strictly sequential dialect buffers. Every block is ended before `answer-end`.
 * - `usage` may come at any time and replaces what it reports.
 * - An upstream that ends without its protocol's own end gives `answer-error`, never `answer-end`.
 */
export type AnswerEvent =
  | { type: 'answer-start'; id?: string; model?: string; created?: number; extensions?: Extensions }
  | {
      type: 'block-start'
      index: number
      /** Which of several answers (`n` > 1) this block belongs to; absent means 0. */
      candidate?: number
      /** The block as far as known: text-like members empty unless they came whole. */
      block: Block
    }
  | { type: 'block-delta'; index: number; delta: Delta }
  | { type: 'block-end'; index: number }
  | { type: 'usage'; usage: Usage }
  | {
      type: 'answer-end'
      /** One finish a candidate, by candidate number. */
      finishes: Finish[]
      extensions?: Extensions
    }
  | { type: 'answer-error'; error: GatewayError }

export type Delta =
  /** Appended to `text` (text, thinking, refusal) or to `arguments` (tool calls). */
  | { type: 'text'; text: string }
  /** Thinking: appended to `opaque`, or replaces the last entry of the same kind. Text, tool calls: sets `signature`. */
  | { type: 'signature'; signature: Opaque }
  | { type: 'citation'; citation: Citation }
  | { type: 'logprobs'; logprobs: Json[] }
  /** Appended to a base64 media source; `transcript` is appended too. */
  | { type: 'media'; data?: string; transcript?: string }
  /** A piece of an unknown block, as it came. */
  | { type: 'wire'; wire: JsonObject }
