import type { Block, CacheMark } from './block.ts'
import type { JsonObject } from './json.ts'
import type { Extensions } from './origin.ts'

/** Tool results stand in user messages as `tool-result` blocks; there is no fourth role. */
export interface Message {
  role: 'system' | 'user' | 'assistant'
  content: Block[]
  /** Participant name. */
  name?: string
  extensions?: Extensions
}

export interface FunctionTool {
  type: 'function'
  name: string
  description?: string
  /** JSON Schema of the arguments; absent when the tool takes none. */
  parameters?: JsonObject
  /** Tri-state: absent means the provider's default. */
  strict?: boolean
  cache?: CacheMark
  extensions?: Extensions
}

export interface CustomTool {
  type: 'custom'
  name: string
  description?: string
  /** `{syntax, definition}` of a grammar, when one constrains the input. */
  grammar?: { syntax: string; definition: string }
  cache?: CacheMark
  extensions?: Extensions
}

/** A tool the provider runs or defines itself (`web_search_20250305`, `bash_20250124`, `googleSearch`). */
export interface ProviderTool {
  type: 'provider'
  /** What it is in any dialect, when we know: only these can be carried across dialects. */
  capability?: 'web-search'
  /** The tool as the client's dialect wrote it. */
  wire: JsonObject
  dialect: 'chat-completions' | 'messages' | 'responses' | 'generate-content'
  name?: string
}

export type Tool = FunctionTool | CustomTool | ProviderTool

export type ToolChoice =
  | { type: 'auto' | 'none' | 'required' }
  | { type: 'tool'; name: string; custom?: boolean }
  /** Only these tools, called freely (`auto`) or at least once (`required`). */
  | { type: 'subset'; mode: 'auto' | 'required'; tools: { name: string; custom?: boolean }[] }

export type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'

/** What the client asked of the model's thinking; absent members were not said. */
export interface Reasoning {
  /** `enabled` with a budget, `adaptive`, `between-tools`, or `disabled`. */
  mode?: 'enabled' | 'adaptive' | 'between-tools' | 'disabled'
  budgetTokens?: number
  effort?: Effort
  /** Whether readable thinking is wanted: `summarized`, `omitted`, `auto`, `detailed`, `concise`. */
  display?: string
  /** True when the client wants thoughts left out of the answer (`reasoning.exclude`). */
  exclude?: boolean
}

export type OutputFormat =
  | { type: 'text' }
  | { type: 'json' }
  | { type: 'json-schema'; schema: JsonObject; name?: string; description?: string; strict?: boolean }

/**
 * One chat request, in our words. Absent, null and default are three things: a member that the client
 * did not send is absent here.
 */
export interface ChatRequest {
  model: string
  stream: boolean
  messages: Message[]
  tools?: Tool[]
  toolChoice?: ToolChoice
  parallelToolCalls?: boolean
  /** Upper bound on produced tokens, thinking included. */
  maxOutputTokens?: number
  temperature?: number
  topP?: number
  topK?: number
  stop?: string[]
  seed?: number
  presencePenalty?: number
  frequencyPenalty?: number
  logitBias?: JsonObject
  logprobs?: boolean
  topLogprobs?: number
  /** Number of answers wanted (`n`). */
  candidates?: number
  reasoning?: Reasoning
  format?: OutputFormat
  verbosity?: string
  /** `text`, `image`, `audio`: what may come out. */
  modalities?: string[]
  /** Output audio settings as chat completions spells them. */
  audio?: JsonObject
  webSearch?: JsonObject
  /** Mark the last cacheable place by itself (Anthropic top-level `cache_control`). */
  cache?: CacheMark
  /** Key that keeps requests with a shared prefix together (`prompt_cache_key`). */
  cacheKey?: string
  /** Opaque id of the end user (`user`, `safety_identifier`, `metadata.user_id`). */
  endUser?: string
  metadata?: JsonObject
  serviceTier?: string
  /** The client asked for usage at the end of a stream (chat completions only; others always have it). */
  includeUsage?: boolean
  /** Top-level fields outside the model, by the dialect they came from. */
  extensions?: Extensions
}
