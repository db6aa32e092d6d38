import { defineOpenAiCompatible } from './define.ts'

export const localai = defineOpenAiCompatible({
  id: 'localai',
  displayName: 'LocalAI',
  aliases: ['local-ai'],
  defaultBaseUrl: 'http://127.0.0.1:8080/v1',
  local: true,
  barePath: '/v1',
})
