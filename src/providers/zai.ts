import { defineOpenAiCompatible } from './define.ts'

export const zai = defineOpenAiCompatible({
  id: 'zai',
  displayName: 'Z.ai',
  aliases: ['z.ai', 'zhipu', 'zhipuai', 'bigmodel'],
  defaultBaseUrl: 'https://api.z.ai/api/paas/v4',
  keys: ['ZAI_API_KEY', 'ZHIPU_API_KEY', 'ZHIPUAI_API_KEY'],
  messages: { trim: ['/paas/v4', '/coding/paas/v4', '/anthropic'], path: '/anthropic/v1/messages' },
})
