/** Top-level request fields of the stable API (protocol.md §1.3). */
const stable = [
  'model',
  'messages',
  'max_tokens',
  'system',
  'stop_sequences',
  'stream',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'cache_control',
  'metadata',
  'service_tier',
  'speed',
  'container',
  'inference_geo',
  'diagnostics',
  'mcp_servers',
  'context_management',
  'output_format',
]

const sampling = ['temperature', 'top_p', 'top_k']

/** Sampling fields exist only in the older version of the API. */
export function knownFields(version: string, onVertex: boolean): ReadonlySet<string> {
  const extra = version === '2026-10-21' ? [] : sampling
  return new Set([...stable, ...extra, ...(onVertex ? ['anthropic_version'] : [])])
}

export const versions: readonly string[] = ['2023-06-01', '2026-10-21']
export const vertexVersions: readonly string[] = ['vertex-2023-10-16', ...versions]

/** Which blocks may stand in which role's message. */
export const blocksByRole: Record<string, readonly string[]> = {
  user: ['text', 'image', 'document', 'search_result', 'tool_result', 'container_upload'],
  assistant: [
    'text',
    'thinking',
    'redacted_thinking',
    'tool_use',
    'server_tool_use',
    'web_search_tool_result',
    'web_fetch_tool_result',
    'code_execution_tool_result',
  ],
  system: ['text'],
}

/** What a tool result may hold. */
export const blocksInResult: readonly string[] = [
  'text',
  'image',
  'document',
  'search_result',
  'tool_reference',
]

export const imageTypes: readonly string[] = ['image/jpeg', 'image/png', 'image/gif', 'image/webp']
