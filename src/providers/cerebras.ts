import { defineOpenAiCompatible } from './define.ts'

export const cerebras = defineOpenAiCompatible({
  id: 'cerebras',
  displayName: 'Cerebras',
  defaultBaseUrl: 'https://api.cerebras.ai/v1',
})
