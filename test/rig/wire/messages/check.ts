import { at, type Fields, fields, isFields, list, text } from '../../json.ts'
import type { Problem, Rule, WireRequest } from '../dialect.ts'
import { checkBlocks } from './check-blocks.ts'
import { checkPairing, mergedTurns } from './check-turns.ts'
import { knownFields, versions, vertexVersions } from './fields.ts'
import { claudeLimits } from './models.ts'

const NAME = /^[a-zA-Z0-9_-]{1,128}$/

function versionOf(request: WireRequest): string {
  return request.vendor === 'vertex'
    ? text(request.body['anthropic_version'])
    : (request.header('anthropic-version') ?? '')
}

function* version(request: WireRequest): Iterable<Problem> {
  if (request.vendor === 'clewdr') return
  const onVertex = request.vendor === 'vertex'
  const legal = onVertex ? vertexVersions : versions
  if (!legal.includes(versionOf(request)))
    yield {
      path: onVertex ? 'anthropic_version' : 'anthropic-version',
      message: `header or field is required; one of ${legal.join(', ')}`,
    }
  if (onVertex && request.body['model'] !== undefined)
    yield { path: 'model', message: 'Extra inputs are not permitted' }
  for (const beta of (request.header('anthropic-beta') ?? '').split(',').map((one) => one.trim()))
    if (beta !== '' && !/^[a-z0-9-]+-\d{4}-?\d{2}-?\d{2}$/.test(beta))
      yield {
        path: 'anthropic-beta',
        message: `Unexpected value(s) \`${beta}\` for the \`anthropic-beta\` header`,
      }
}

function* topLevel(request: WireRequest): Iterable<Problem> {
  const { body } = request
  const known = knownFields(versionOf(request), request.vendor === 'vertex')
  for (const name of Object.keys(body))
    if (!known.has(name)) yield { path: name, message: 'Extra inputs are not permitted' }
  if (body['max_tokens'] === undefined) yield { path: 'max_tokens', message: 'Field required' }
  else if (!Number.isInteger(body['max_tokens']) || Number(body['max_tokens']) < 0)
    yield { path: 'max_tokens', message: 'Input should be a valid integer' }
  const most = claudeLimits(request.model).maxTokens
  if (Number(body['max_tokens']) > most)
    yield {
      path: 'max_tokens',
      message: `${String(body['max_tokens'])} > ${most}, which is the maximum for ${request.model}`,
    }
  if (list(body['messages']).length === 0)
    yield { path: 'messages', message: 'at least one message is required' }
  for (const name of Object.keys(fields(body['metadata'])))
    if (name !== 'user_id') yield { path: `metadata.${name}`, message: 'Extra inputs are not permitted' }
  for (const [index, stop] of list(body['stop_sequences']).entries())
    if (text(stop).trim() === '')
      yield { path: `stop_sequences.${index}`, message: 'each stop sequence must contain non-whitespace' }
  const tier = body['service_tier']
  if (tier !== undefined && tier !== 'auto' && tier !== 'standard_only')
    yield { path: 'service_tier', message: "Input should be 'auto' or 'standard_only'" }
}

function* system({ body }: WireRequest): Iterable<Problem> {
  if (body['system'] === undefined) return
  const blocks =
    typeof body['system'] === 'string' ? [{ type: 'text', text: body['system'] }] : list(body['system'])
  for (const [index, block] of blocks.entries()) {
    if (at(block, 'type') !== 'text')
      yield { path: `system.${index}.type`, message: "Input should be 'text'" }
    if (text(at(block, 'text')) === '')
      yield { path: `system.${index}`, message: 'text content blocks must be non-empty' }
  }
}

function* sampling(request: WireRequest): Iterable<Problem> {
  const { body, model } = request
  const rule = claudeLimits(model).sampling
  const { temperature, top_p: topP, top_k: topK } = body
  if (temperature !== undefined && (typeof temperature !== 'number' || temperature < 0 || temperature > 1))
    yield { path: 'temperature', message: 'range: 0..1' }
  if (rule === 'none') {
    if (temperature !== undefined && temperature !== 1)
      yield { path: 'temperature', message: 'not supported by this model' }
    if (topP !== undefined && Number(topP) < 0.99)
      yield { path: 'top_p', message: 'not supported by this model' }
    if (topK !== undefined) yield { path: 'top_k', message: 'not supported by this model' }
  }
  if (rule === 'one-of' && temperature !== undefined && topP !== undefined)
    yield {
      path: 'temperature',
      message: '`temperature` and `top_p` cannot both be specified for this model. Please use only one.',
    }
  if (thinkingMode(body) === 'enabled' && temperature !== undefined && temperature !== 1)
    yield { path: 'temperature', message: '`temperature` may only be set to 1 when thinking is enabled.' }
}

function thinkingMode(body: Fields): string {
  return text(at(body, 'thinking', 'type'))
}

function* thinking({ body, model }: WireRequest): Iterable<Problem> {
  const mode = thinkingMode(body)
  const limits = claudeLimits(model)
  if (isFields(body['thinking']) && !limits.thinking.includes(mode))
    yield {
      path: 'thinking.type',
      message: `"thinking.type.${mode}" is not supported for this model. It takes ${limits.thinking.join(', ')}.`,
    }
  if (mode === 'enabled') {
    const budget = at(body, 'thinking', 'budget_tokens')
    if (!Number.isInteger(budget) || Number(budget) < 1024)
      yield {
        path: 'thinking.enabled.budget_tokens',
        message: 'Input should be greater than or equal to 1024',
      }
    if (Number(budget) >= Number(body['max_tokens']))
      yield { path: 'max_tokens', message: '`max_tokens` must be greater than `thinking.budget_tokens`' }
  }
  const effort = at(body, 'output_config', 'effort')
  if (effort !== undefined && !limits.efforts.includes(text(effort)))
    yield { path: 'output_config.effort', message: `'${text(effort)}' is not supported by this model` }
  if (mode === 'enabled') yield* thinkingFirst(body)
}

/** With a thinking budget, the turn whose calls are being answered starts with its thinking. */
function* thinkingFirst(body: Fields): Iterable<Problem> {
  const turns = mergedTurns(body)
  const index = turns.findLastIndex((turn) => turn.role === 'assistant')
  const turn = turns[index]
  if (turn === undefined || !turn.blocks.some((block) => block['type'] === 'tool_use')) return
  const first = text(turn.blocks[0]?.['type'])
  if (first !== 'thinking' && first !== 'redacted_thinking')
    yield {
      path: `messages.${index}.content.0.type`,
      message: `Expected \`thinking\` or \`redacted_thinking\`, but found \`${first}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block.`,
    }
}

function* tools({ body, model }: WireRequest): Iterable<Problem> {
  const offered = list(body['tools']).map(fields)
  for (const [index, tool] of offered.entries()) {
    const path = `tools.${index}`
    if (!NAME.test(text(tool['name'])))
      yield { path: `${path}.name`, message: "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'" }
    const isCustom = tool['type'] === undefined || tool['type'] === null || tool['type'] === 'custom'
    if (isCustom && at(tool, 'input_schema', 'type') !== 'object')
      yield { path: `${path}.input_schema.type`, message: "Input should be 'object'" }
  }
  const choice = text(at(body, 'tool_choice', 'type'))
  if (body['tool_choice'] !== undefined && !['auto', 'any', 'tool', 'none'].includes(choice))
    yield { path: 'tool_choice.type', message: "Input should be 'auto', 'any', 'tool' or 'none'" }
  if (choice !== '' && choice !== 'none' && offered.length === 0)
    yield { path: 'tool_choice', message: 'tool_choice may only be specified while providing tools' }
  if (choice === 'tool' && !offered.some((tool) => tool['name'] === at(body, 'tool_choice', 'name')))
    yield { path: 'tool_choice.name', message: 'Tool not found in provided tools' }
  if (choice !== 'any' && choice !== 'tool') return
  if (!claudeLimits(model).forcedTool)
    yield { path: 'tool_choice', message: 'this model does not support forced tool use' }
  if (thinkingMode(body) === 'enabled')
    yield { path: 'thinking', message: 'Thinking may not be enabled when tool_choice forces tool use.' }
}

const SCHEMA_WORDS_REFUSED = [
  'oneOf',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'maxItems',
  'not',
]

function* outputFormat({ body }: WireRequest): Iterable<Problem> {
  const format = at(body, 'output_config', 'format')
  if (format === undefined) return
  if (at(format, 'type') !== 'json_schema' || !isFields(at(format, 'schema')))
    yield { path: 'output_config.format', message: "expected {type: 'json_schema', schema}" }
  yield* closedSchema(fields(at(format, 'schema')), 'output_config.format.schema')
}

function* closedSchema(schema: Fields, path: string): Iterable<Problem> {
  if (schema['type'] === 'object' && schema['additionalProperties'] !== false)
    yield { path, message: "For 'object' type, 'additionalProperties' must be explicitly set to false" }
  for (const word of SCHEMA_WORDS_REFUSED)
    if (schema[word] !== undefined) yield { path, message: `property '${word}' is not supported` }
  for (const [name, member] of Object.entries(fields(schema['properties'])))
    yield* closedSchema(fields(member), `${path}.${name}`)
  if (schema['items'] !== undefined) yield* closedSchema(fields(schema['items']), `${path}.items`)
}

export const messagesRules: readonly Rule[] = [
  version,
  topLevel,
  system,
  checkBlocks,
  checkPairing,
  thinking,
  sampling,
  tools,
  outputFormat,
]
