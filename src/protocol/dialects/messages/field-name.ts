/** Where the client's spelling of a member of `ChatRequest` differs from the member's own name. */
const names: ReadonlyMap<string, string> = new Map([
  ['maxOutputTokens', 'max_tokens'],
  ['topP', 'top_p'],
  ['topK', 'top_k'],
  ['stop', 'stop_sequences'],
  ['toolChoice', 'tool_choice'],
  ['parallelToolCalls', 'tool_choice.disable_parallel_tool_use'],
  ['reasoning', 'thinking'],
  ['reasoning.effort', 'output_config.effort'],
  ['reasoning.mode', 'thinking.type'],
  ['format', 'output_config.format'],
  ['cache', 'cache_control'],
  ['endUser', 'metadata.user_id'],
  ['serviceTier', 'service_tier'],
])

export function fieldName(member: string): string {
  return names.get(member) ?? member
}
