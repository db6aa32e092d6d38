import { defineOpenAiCompatible } from './define.ts'
import { inTurn, olderWords, withReasoningContent } from './shapes.ts'

/** protocol.md §1.5, §5.4. The address is accepted with `/v1` and with `/beta` as well. */
export const deepseek = defineOpenAiCompatible({
  id: 'deepseek',
  displayName: 'DeepSeek',
  defaultBaseUrl: 'https://api.deepseek.com',
  messages: { trim: ['/v1', '/beta', '/anthropic'], path: '/anthropic/v1/messages' },
  responses: true,
  shape: inTurn(olderWords, withReasoningContent),
})
