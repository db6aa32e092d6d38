import { defineOpenAiCompatible } from './define.ts'

export const ollama = defineOpenAiCompatible({
  id: 'ollama',
  displayName: 'Ollama',
  defaultBaseUrl: 'http://127.0.0.1:11434/v1',
  local: true,
  barePath: '/v1',
  messages: { trim: ['/v1'], path: '/v1/messages' },
  responses: true,
})
