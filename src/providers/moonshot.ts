import { defineOpenAiCompatible } from './define.ts'
import { continuing, inTurn, olderWords, plainToolSchemas } from './shapes.ts'

/** Kimi's platform; `.cn` is the same API (protocol.md §1.5). */
export const moonshot = defineOpenAiCompatible({
  id: 'moonshot',
  displayName: 'Moonshot AI',
  aliases: ['kimi'],
  defaultBaseUrl: 'https://api.moonshot.ai/v1',
  keys: ['MOONSHOT_API_KEY', 'KIMI_API_KEY'],
  messages: { trim: ['/v1', '/anthropic'], path: '/anthropic/v1/messages' },
  shape: inTurn(olderWords, continuing('partial'), plainToolSchemas),
})
