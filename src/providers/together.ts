import { defineOpenAiCompatible } from './define.ts'

export const together = defineOpenAiCompatible({
  id: 'together',
  displayName: 'Together AI',
  aliases: ['togetherai', 'together_ai'],
  defaultBaseUrl: 'https://api.together.xyz/v1',
})
