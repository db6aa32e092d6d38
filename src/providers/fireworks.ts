import { defineOpenAiCompatible } from './define.ts'

export const fireworks = defineOpenAiCompatible({
  id: 'fireworks',
  displayName: 'Fireworks AI',
  aliases: ['fireworks-ai', 'fireworks_ai'],
  defaultBaseUrl: 'https://api.fireworks.ai/inference/v1',
})
