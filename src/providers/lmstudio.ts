import { defineOpenAiCompatible } from './define.ts'

export const lmstudio = defineOpenAiCompatible({
  id: 'lmstudio',
  displayName: 'LM Studio',
  aliases: ['lm-studio', 'lm_studio'],
  defaultBaseUrl: 'http://127.0.0.1:1234/v1',
  local: true,
  barePath: '/v1',
  messages: { trim: ['/v1'], path: '/v1/messages' },
  responses: true,
})
