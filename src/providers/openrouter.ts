import { defineOpenAiCompatible } from './define.ts'

/** protocol.md §5.2. Attribution headers come from the client or from `headers` in the configuration. */
export const openrouter = defineOpenAiCompatible({
  id: 'openrouter',
  displayName: 'OpenRouter',
  aliases: ['open-router'],
  defaultBaseUrl: 'https://openrouter.ai/api/v1',
  messages: { trim: [], path: '/messages' },
  responses: true,
  forwardHeaders: ['http-referer', 'x-openrouter-title', 'x-title', 'x-openrouter-categories'],
})
