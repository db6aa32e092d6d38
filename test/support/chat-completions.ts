import { targets } from './targets.ts'

/** What this wire can say that others cannot, and how. */
export const targetWith = targets(
  {
    maxTokensField: 'max_completion_tokens',
    reasoningField: 'reasoning_content',
    reasoningReplay: 'always',
    allowedTools: true,
    opaqueDialect: 'chat-completions',
  },
  { maker: 'vendor/upstream-model', documentPolicy: 'reject' },
)
