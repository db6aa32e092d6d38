import { defineOpenAiCompatible } from './define.ts'

export const xai = defineOpenAiCompatible({
  id: 'xai',
  displayName: 'xAI',
  defaultBaseUrl: 'https://api.x.ai/v1',
  messages: { trim: ['/v1'], path: '/v1/messages' },
  responses: true,
})
