import { defineOpenAiCompatible } from './define.ts'

/** Any other server that speaks chat completions; its address comes from the configuration. */
export const openaiCompat = defineOpenAiCompatible({
  id: 'openai_compat',
  displayName: 'OpenAI-compatible',
  aliases: ['openai-compat', 'openai-compatible', 'openai_compatible', 'openaicompatible', 'openaicompat'],
  local: true,
  messages: { trim: [], path: '/messages' },
  responses: true,
})
