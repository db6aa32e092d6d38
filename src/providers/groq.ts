import { defineOpenAiCompatible } from './define.ts'

const reasons = /(^|\/)qwen|deepseek-r1/

/** Reasoning comes in a field of its own only when asked for in `parsed` form; otherwise it stands in the text. */
export const groq = defineOpenAiCompatible({
  id: 'groq',
  displayName: 'Groq',
  defaultBaseUrl: 'https://api.groq.com/openai/v1',
  responses: true,
  shape: (body, model) => {
    const decided = body['reasoning_format'] !== undefined || body['include_reasoning'] !== undefined
    return reasons.test(model) && !decided ? { ...body, reasoning_format: 'parsed' } : body
  },
})
