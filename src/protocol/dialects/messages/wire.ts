import type { JsonObject } from '../../model/json.ts'
import type { Extensions } from '../../model/origin.ts'

/**
 * Anthropic Messages as it is on the wire (protocol.md §1.3): the members we read, by name. Everything beyond them
 * is kept in `extensions.messages` at its own level and given back to this dialect.
 */
export const DIALECT = 'messages'

export const requestKeys: ReadonlySet<string> = new Set([
  'model',
  'max_tokens',
  'system',
  'messages',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'output_format',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'stream',
  'metadata',
  'service_tier',
  'cache_control',
])

export const messageKeys: ReadonlySet<string> = new Set(['role', 'content'])

export const answerKeys: ReadonlySet<string> = new Set([
  'id',
  'type',
  'role',
  'model',
  'content',
  'stop_reason',
  'stop_sequence',
  'stop_details',
  'usage',
])

/** Members we read of each content block; blocks of other types are kept whole. */
export const blockKeys = {
  text: new Set(['type', 'text', 'citations', 'cache_control']),
  image: new Set(['type', 'source', 'cache_control']),
  document: new Set(['type', 'source', 'title', 'context', 'citations', 'cache_control']),
  thinking: new Set(['type', 'thinking', 'signature']),
  redacted: new Set(['type', 'data']),
  toolUse: new Set(['type', 'id', 'name', 'input', 'cache_control']),
  /** Calls the provider runs: `type` itself is kept, because there are several. */
  serverCall: new Set(['id', 'name', 'input', 'cache_control']),
  toolResult: new Set(['type', 'tool_use_id', 'content', 'is_error', 'cache_control']),
} as const satisfies Record<string, ReadonlySet<string>>

/** Types of calls that the provider itself runs and answers in the same turn. */
export const serverCallTypes: ReadonlySet<string> = new Set(['server_tool_use', 'mcp_tool_use'])

export const toolKeys: ReadonlySet<string> = new Set([
  'name',
  'description',
  'input_schema',
  'strict',
  'cache_control',
])

/** Image types every Claude model reads. */
export const imageTypes: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp'])

/** The hidden tool that stands for a JSON schema where the model has no native one (protocol.md §2.10). */
export const JSON_TOOL = 'xjp_json_output'

/** Extension member: the original of a block that other dialects see as plain text (`search_result`). */
export const ORIGINAL = 'xjp_original'

/** Extension member of an answer: events of kinds we do not know, in order. */
export const EVENTS = 'xjp_events'

/** The bag of this dialect, or an empty object. */
export function own(extensions: Extensions | undefined): JsonObject {
  return extensions?.messages ?? {}
}
