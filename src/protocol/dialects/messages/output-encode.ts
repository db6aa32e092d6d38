import { isObject, type JsonObject } from '../../model/json.ts'
import type { ChatRequest, OutputFormat } from '../../model/request.ts'
import { allowedBeta } from './betas.ts'
import type { EncodeContext } from './context.ts'
import { cleanSchema } from './schema.ts'
import { JSON_TOOL, own } from './wire.ts'

type SchemaFormat = Extract<OutputFormat, { type: 'json-schema' }>

/** How the form of the output is asked for (protocol.md §2.10). At most one of the members is set. */
export interface OutputPlan {
  /** `output_config.format` */
  native?: JsonObject
  /** The hidden tool that must be called instead of answering in text. */
  tool?: JsonObject
  /** A sentence for the system prompt. */
  instruction?: string
}

export function planOutput(request: ChatRequest, context: EncodeContext): OutputPlan {
  const { format } = request
  const kept = own(request.extensions).output_format
  if (format === undefined) return isObject(kept) ? { native: kept } : {}
  if (format.type === 'text') return {}
  if (format.type === 'json') {
    context.losses.approximate('format', 'the upstream has no JSON mode, the model is told to answer in JSON')
    return { instruction: 'Answer with one JSON object and nothing else: no prose, no code fence.' }
  }
  if (context.capabilities.jsonSchema === 'native') return native(format, isObject(kept) ? kept : {}, context)
  if (context.capabilities.jsonSchema === 'tool' && format.schema.type === 'object') return hiddenTool(format)
  context.losses.approximate('format.schema', 'the upstream cannot enforce a schema, the model is told of it')
  return {
    instruction: `Answer with JSON that matches this JSON Schema and nothing else: ${JSON.stringify(format.schema)}`,
  }
}

function native(format: SchemaFormat, kept: JsonObject, { losses }: EncodeContext): OutputPlan {
  const { schema, weakened } = cleanSchema(format.schema)
  if (weakened)
    losses.approximate(
      'format.schema',
      'some of its constraints cannot be enforced, the model is told of them',
    )
  return { native: { type: 'json_schema', schema, ...kept } }
}

function hiddenTool(format: SchemaFormat): OutputPlan {
  const description =
    format.description ?? 'Gives the final answer. Call it once, when the answer is complete.'
  return { tool: { name: JSON_TOOL, description, input_schema: format.schema } }
}

/** `output_config`: effort, format, and what else the client put there. */
export function encodeOutputConfig(
  request: ChatRequest,
  effort: string | undefined,
  plan: OutputPlan,
  context: EncodeContext,
): JsonObject {
  const { output_config: kept } = own(request.extensions)
  const wire: JsonObject = {}
  for (const [key, value] of Object.entries(isObject(kept) ? kept : {})) {
    if (allowedBeta(key, context)) wire[key] = value
    else context.losses.drop(`output_config.${key}`, 'the upstream does not offer the beta this needs')
  }
  if (effort !== undefined) wire.effort = effort
  if (plan.native) wire.format = plan.native
  return Object.keys(wire).length === 0 ? {} : { output_config: wire }
}
