import type { Json, JsonObject } from './json.ts'
import type { DialectName, Extensions, Opaque } from './origin.ts'

/** A request to the provider to cache the prompt up to and including the marked place. */
export interface CacheMark {
  /** As the wire spelled it: `5m`, `1h`, `30m`, `12h`. Absent: the provider's default. */
  ttl?: string
  /** Further members of the mark as sent (for example `scope`). */
  rest?: JsonObject
}

export interface TextBlock {
  type: 'text'
  text: string
  citations?: Citation[]
  /** Token log probabilities in the shape of chat completions' `logprobs.content`. */
  logprobs?: Json[]
  /** A thought signature that came on visible text (Gemini). */
  signature?: Opaque
  cache?: CacheMark
  extensions?: Extensions
}

/** Where text came from. `wire` is the vendor's own citation, given back only to its dialect. */
export interface Citation {
  url?: string
  title?: string
  /** Text quoted from the source. */
  quote?: string
  /** Place in the block's text, UTF-16 code units; end is exclusive. */
  start?: number
  end?: number
  wire?: { dialect: DialectName; value: JsonObject }
}

export type MediaSource =
  | { type: 'base64'; mediaType: string; data: string }
  | { type: 'url'; url: string; mediaType?: string }
  /** An id in a provider's file store: only meaningful to the dialect it came from. */
  | { type: 'file'; id: string; dialect: DialectName; mediaType?: string }
  /** A plain-text document. */
  | { type: 'text'; mediaType: string; text: string }
  /** A document given as blocks (Anthropic `content` source). */
  | { type: 'blocks'; blocks: Block[] }

export interface MediaBlock {
  type: 'media'
  kind: 'image' | 'audio' | 'video' | 'document'
  source: MediaSource
  /** Image resolution hint: `low`, `high`, `auto`, `original`. */
  detail?: string
  filename?: string
  title?: string
  context?: string
  /** Whether the model should cite this document. */
  citations?: boolean
  /** Output audio: its transcript. */
  transcript?: string
  /** Part of a video: offsets as Gemini writes them (`"10s"`), frames per second. */
  video?: { start?: string; end?: string; fps?: number }
  signature?: Opaque
  cache?: CacheMark
  extensions?: Extensions
}

export interface ThinkingBlock {
  type: 'thinking'
  /** Readable reasoning; empty when the provider shows none. */
  text: string
  /** Proof or encrypted content that must be replayed; one entry a wire blob, in order. */
  opaque?: Opaque[]
  /** True when the provider gave only encrypted content (Anthropic redacted_thinking). */
  redacted?: boolean
  /** True when the text is a summary rather than the reasoning itself. */
  summary?: boolean
  extensions?: Extensions
}

export interface ToolCallBlock {
  type: 'tool-call'
  id: string
  name: string
  /** `function`: JSON arguments. `custom`: free text. `server`: run by the provider, shown for the record. */
  kind: 'function' | 'custom' | 'server'
  /** JSON text for functions (`{}` when there are none), raw text for custom tools. */
  arguments: string
  /** True when the wire had no id and we made one; encoders may leave it out. */
  idMade?: boolean
  signature?: Opaque
  cache?: CacheMark
  extensions?: Extensions
}

export interface ToolResultBlock {
  type: 'tool-result'
  callId: string
  /** Name of the tool, when the wire says it. */
  name?: string
  content: Block[]
  isError?: boolean
  cache?: CacheMark
  extensions?: Extensions
}

export interface RefusalBlock {
  type: 'refusal'
  text: string
  extensions?: Extensions
}

/** Content the model has no place for, kept as it came and given back only to its dialect. */
export interface UnknownBlock {
  type: 'unknown'
  dialect: DialectName
  wire: JsonObject
  cache?: CacheMark
}

export type Block =
  | TextBlock
  | MediaBlock
  | ThinkingBlock
  | ToolCallBlock
  | ToolResultBlock
  | RefusalBlock
  | UnknownBlock
