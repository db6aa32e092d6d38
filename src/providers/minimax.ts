import { defineOpenAiCompatible } from './define.ts'

/** `reasoning_split` puts the reasoning beside the text instead of into it. */
export const minimax = defineOpenAiCompatible({
  id: 'minimax',
  displayName: 'MiniMax',
  defaultBaseUrl: 'https://api.minimax.io/v1',
  messages: { trim: ['/v1', '/anthropic'], path: '/anthropic/v1/messages' },
  shape: (body) => ({ reasoning_split: true, ...body }),
})
