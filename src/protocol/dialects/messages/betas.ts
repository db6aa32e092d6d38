import type { EncodeContext } from './context.ts'

/**
 * Members that only work together with a beta flag, and how such flags begin. Flag and member travel together:
 * where the target does not take the flag, the member stays behind (clients.md §1).
 */
const betasOf: ReadonlyMap<string, readonly string[]> = new Map([
  ['context_management', ['context-management-', 'compact-']],
  ['compaction', ['compact-']],
  ['mcp_servers', ['mcp-client-']],
  ['fallbacks', ['server-side-fallback-']],
  ['fallback_credit_token', ['fallback-credit-']],
  ['thread', ['message-threads-']],
  ['speed', ['fast-mode-']],
  ['container', ['code-execution-', 'skills-']],
  ['diagnostics', ['cache-diagnosis-']],
  ['task_budget', ['task-budgets-']],
  ['block_binding', ['thinking-binding-controls-']],
  ['defer_loading', ['advanced-tool-use-', 'tool-search-tool-']],
  ['input_examples', ['advanced-tool-use-']],
  ['allowed_callers', ['advanced-tool-use-']],
  ['eager_input_streaming', ['fine-grained-tool-streaming-']],
])

/** Members every host of this dialect takes. */
const everywhere: ReadonlySet<string> = new Set(['type', 'effort'])

/** Whether the target takes a member that lies outside the model. */
export function allowedBeta(member: string, context: EncodeContext): boolean {
  const { betas } = context.capabilities
  if (betas === 'all' || everywhere.has(member)) return true
  const prefixes = betasOf.get(member) ?? []
  return prefixes.some((prefix) => betas.some((beta) => beta.startsWith(prefix)))
}
