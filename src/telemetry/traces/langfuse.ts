import type { Call } from '../../pipeline/call.ts'
import type { Usage } from '../../protocol/model/usage.ts'
import type { AttributeWriter } from '../otlp/attributes.ts'
import { conversationOf, costInDollars } from './call-attributes.ts'
import type { CleanText } from './clean-text.ts'

export interface Shown {
  input: Uint8Array | undefined
  output: Uint8Array | undefined
}

/** What Langfuse reads in words of its own, for the span of a call: the one generation of it. */
export function writeGeneration(
  to: AttributeWriter,
  call: Call,
  { input, output }: Shown,
  firstContentAt: number | undefined,
  clean: CleanText['of'],
): void {
  const { record } = call
  to.text('langfuse.observation.type', 'generation')
  to.utf8('langfuse.observation.input', input)
  to.utf8('langfuse.observation.output', output)
  to.text('langfuse.session.id', clean(conversationOf(call)))
  if (input) to.text('langfuse.user.id', clean(call.request.endUser))
  // Values that are no text are JSON there, a moment too.
  if (firstContentAt !== undefined)
    to.text(
      'langfuse.observation.completion_start_time',
      JSON.stringify(new Date(firstContentAt).toISOString()),
    )
  if (record.usage) to.text('langfuse.observation.usage_details', JSON.stringify(usageDetails(record.usage)))
  const cost = costInDollars(record)
  if (cost !== undefined) to.text('langfuse.observation.cost_details', JSON.stringify({ total: cost }))
}

/** An attempt has the call's model, and would count as a generation of its own. */
export function writeAttemptKind(to: AttributeWriter): void {
  to.text('langfuse.observation.type', 'span')
}

/** Langfuse adds up what it is given: parts that do not overlap. */
function usageDetails(usage: Usage): Record<string, number> {
  const {
    inputTokens = 0,
    outputTokens = 0,
    cacheReadTokens = 0,
    cacheWriteTokens = 0,
    reasoningTokens = 0,
  } = usage
  return {
    input: Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens),
    output: Math.max(0, outputTokens - reasoningTokens),
    ...(cacheReadTokens > 0 ? { input_cached_tokens: cacheReadTokens } : {}),
    ...(cacheWriteTokens > 0 ? { input_cache_creation: cacheWriteTokens } : {}),
    ...(reasoningTokens > 0 ? { output_reasoning_tokens: reasoningTokens } : {}),
  }
}
