import { isFields, list, text } from '../../json.ts'
import type { Problem, WireRequest } from '../dialect.ts'

/** What OpenAI's own models refuse (protocol.md §1.1, §2.8.1). Other vendors' models have no row. */
interface Limits {
  pattern: RegExp
  efforts: readonly string[]
  noStop?: boolean
}

const reasoning: readonly Limits[] = [
  { pattern: /^o[34]/, efforts: ['low', 'medium', 'high'], noStop: true },
  { pattern: /^o1/, efforts: ['low', 'medium', 'high'] },
  { pattern: /^gpt-5(-|$)/, efforts: ['minimal', 'low', 'medium', 'high'] },
  { pattern: /^gpt-5\.1/, efforts: ['none', 'low', 'medium', 'high'] },
  { pattern: /^gpt-5\.[2-5]/, efforts: ['none', 'low', 'medium', 'high', 'xhigh'] },
  { pattern: /^gpt-5\.6/, efforts: ['none', 'low', 'medium', 'high', 'xhigh', 'max'] },
  { pattern: /^gpt-6/, efforts: ['none', 'low', 'medium', 'high', 'xhigh', 'max'] },
]

const SAMPLING = ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty', 'logit_bias', 'logprobs']

function unsupported(path: string, hint = ''): Problem {
  return {
    path,
    message: `Unsupported parameter: '${path}' is not supported with this model.${hint}`,
    code: 'unsupported_parameter',
  }
}

export function* checkModelLimits({ body, vendor, model }: WireRequest): Iterable<Problem> {
  if (vendor !== 'openai') return
  const row = reasoning.find((one) => one.pattern.test(model))
  const effort = body['reasoning_effort']
  if (row === undefined) {
    if (effort !== undefined && !/^(o\d|gpt-[5-9])/.test(model)) yield unsupported('reasoning_effort')
    return
  }
  if (body['max_tokens'] !== undefined)
    yield unsupported('max_tokens', " Use 'max_completion_tokens' instead.")
  if (effort !== 'none')
    for (const path of SAMPLING)
      if (body[path] !== undefined && body[path] !== 1 && body[path] !== 0) yield unsupported(path)
  if (row.noStop && body['stop'] !== undefined) yield unsupported('stop')
  if (effort !== undefined && !isFields(effort) && !row.efforts.includes(text(effort)))
    yield {
      path: 'reasoning_effort',
      message: `Unsupported value: '${text(effort)}' is not supported with this model.`,
      code: 'unsupported_value',
    }
  if (model.startsWith('gpt-5.6') && list(body['tools']).length > 0 && effort !== 'none')
    yield {
      path: 'tools',
      message: 'Function tools with reasoning are not supported on chat completions; use Responses.',
    }
}
