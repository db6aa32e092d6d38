import { defineOpenAiCompatible } from './define.ts'

export const huggingface = defineOpenAiCompatible({
  id: 'huggingface',
  displayName: 'Hugging Face',
  aliases: ['hf', 'hugging-face'],
  defaultBaseUrl: 'https://router.huggingface.co/v1',
  keys: ['HF_TOKEN', 'HUGGINGFACE_API_KEY'],
})
