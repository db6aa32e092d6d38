import { defineOpenAiCompatible } from './define.ts'

export const perplexity = defineOpenAiCompatible({
  id: 'perplexity',
  displayName: 'Perplexity',
  defaultBaseUrl: 'https://api.perplexity.ai',
  keys: ['PERPLEXITY_API_KEY', 'PPLX_API_KEY'],
})
