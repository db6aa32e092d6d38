import { defineOpenAiCompatible } from './define.ts'
import { continuing, inTurn, olderWords, renamed } from './shapes.ts'

/** Unknown members are refused with 422, so the seed goes under its name there. */
export const mistral = defineOpenAiCompatible({
  id: 'mistral',
  displayName: 'Mistral AI',
  defaultBaseUrl: 'https://api.mistral.ai/v1',
  shape: inTurn(olderWords, renamed('seed', 'random_seed'), continuing('prefix')),
})
