import { defineOpenAiCompatible } from './define.ts'

export const openai = defineOpenAiCompatible({
  id: 'openai',
  displayName: 'OpenAI',
  defaultBaseUrl: 'https://api.openai.com/v1',
  responses: true,
})
