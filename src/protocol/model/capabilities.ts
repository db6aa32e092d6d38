import type { DialectName } from './origin.ts'
import type { Effort } from './request.ts'

/**
 * What one model at one provider takes and gives (protocol.md §6). Encoders ask this, never a model's name. The
 * table that fills it, by provider and model pattern, is `providers/capabilities.ts`.
 */
export interface Capabilities {
  /** Where a `system` message may stand: as `system`, as `developer`, or folded into the first user turn. */
  systemRole: 'system' | 'developer' | 'first-user'
  /** Whether system messages may stand between other turns. */
  systemAnywhere: boolean
  /** The field for the output bound in chat completions. */
  maxTokensField: 'max_tokens' | 'max_completion_tokens'
  /** Used where the wire demands a bound and the client gave none; also the cap on a raised bound. */
  defaultMaxOutputTokens: number
  maxOutputTokens?: number
  /** Which sampling fields are legal: `one-of`: temperature or top_p, not both. */
  sampling: 'all' | 'one-of' | 'not-while-thinking' | 'none'
  /** Upper end of the temperature range; values above are clamped and reported. */
  maxTemperature: number
  topK: boolean
  seed: boolean
  penalties: boolean
  logitBias: boolean
  logprobs: boolean
  candidates: boolean
  verbosity: boolean
  /** Greatest number of stop sequences; 0 when none may be sent. */
  maxStop: number
  /**
   * How thinking is asked for. Chat completions: `effort` (reasoning_effort), `reasoning-object`
   * (reasoning: {effort | max_tokens}), `toggle` (thinking: {type}), `toggle-and-effort` (both). Messages:
   * `budget` (thinking enabled with budget_tokens), `adaptive` (thinking adaptive and output_config.effort).
   * Generate-content: `thinking-budget`, `thinking-level`.
   */
  reasoningStyle:
    | 'none'
    | 'effort'
    | 'reasoning-object'
    | 'toggle'
    | 'toggle-and-effort'
    | 'budget'
    | 'adaptive'
    | 'thinking-budget'
    | 'thinking-level'
  /** Levels that may be sent, lowest first; empty when there are none. */
  efforts: readonly Effort[]
  /** Legal range of a thinking budget, in tokens. */
  budget?: { min: number; max: number }
  /** Whether thinking may be switched off. */
  reasoningOff: boolean
  /** Whether the model thinks without being asked. */
  reasoningByDefault: boolean
  /** Field that carries readable thinking in chat completions. */
  reasoningField: 'reasoning_content' | 'reasoning' | 'none'
  /** Which earlier assistant turns must be sent back with their thinking. */
  reasoningReplay: 'never' | 'tool-turns' | 'always' | 'signed'
  /** Whether a tool can be forced (`required`, a name). */
  forcedToolChoice: boolean
  parallelToggle: boolean
  /** Chat completions: `tool_choice` of type `allowed_tools`; absent or false: the other tools are left out. */
  allowedTools?: boolean
  /** Chat completions: content may be an array of text parts; false: they are joined. Absent means true. */
  textParts?: boolean
  /** Free-text tools (chat completions `custom`). */
  customTools: boolean
  /** Images (and documents) inside tool results. */
  toolResultMedia: boolean
  imageUrl: boolean
  images: boolean
  documents: boolean
  documentUrl: boolean
  audio: boolean
  video: boolean
  /** Structured output by schema: the native field, a hidden tool, or not at all. */
  jsonSchema: 'native' | 'tool' | 'none'
  /** Which JSON Schema the wire takes for tools and output. */
  schemaForm: 'json-schema' | 'openapi-subset'
  jsonWithTools: boolean
  /** Whether an assistant turn may stand last and be continued. */
  prefill: boolean
  /** Pattern of legal tool-call ids; absent: any string. `length` when exactly that many characters are needed. */
  callId?: { pattern: RegExp; length?: number; maxLength?: number }
  /** Whether generate-content calls carry ids on the way up. */
  functionCallIds: boolean
  /** Provider-run web search. */
  webSearch: boolean
  /** Cache marks: explicit `cache_control` members, chat's `prompt_cache_breakpoint`, or nothing to send. */
  cacheMarks: 'cache-control' | 'breakpoint' | 'none'
  /** `stream_options.include_usage` is understood (chat completions). */
  streamUsage: boolean
  strictTools: boolean
  /** Thought signatures must stand on replayed calls; a sentinel is sent when unknown . */
  thoughtSignatures: boolean
  /** Betas that may be forwarded; `all` for the vendor itself. */
  betas: 'all' | readonly string[]
  serviceTier: boolean
  metadata: boolean
  endUser: boolean
  /** Dialects whose opaque values this target may see, and from which maker; see `Opaque`. */
  opaqueDialect: DialectName
}
