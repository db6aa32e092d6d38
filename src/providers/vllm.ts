import { isObject } from '../protocol/model/json.ts'
import { defineOpenAiCompatible } from './define.ts'
import { thinkingSwitch } from './shapes.ts'

/** Thinking is an argument of the model's chat template there (protocol.md §1.5). */
export const vllm = defineOpenAiCompatible({
  id: 'vllm',
  displayName: 'vLLM',
  aliases: ['hosted_vllm'],
  defaultBaseUrl: 'http://127.0.0.1:8000/v1',
  local: true,
  barePath: '/v1',
  messages: { trim: ['/v1'], path: '/v1/messages' },
  responses: true,
  shape: thinkingSwitch((on, body) => {
    const given = body['chat_template_kwargs']
    return { chat_template_kwargs: { enable_thinking: on, ...(isObject(given) ? given : {}) } }
  }),
})
