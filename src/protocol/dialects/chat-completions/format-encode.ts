import type { JsonObject } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import type { OutputFormat } from '../../model/request.ts'
import type { Scope } from './scope.ts'
import { NAME_PATTERN } from './wire.ts'

type SchemaFormat = Extract<OutputFormat, { type: 'json-schema' }>

/**
 * `response_format` (protocol.md §2.10). Returns an instruction for the model where the upstream cannot be bound to
 * a schema: it then gets JSON mode and is told the schema.
 */
export function encodeFormat(body: JsonObject, scope: Scope): string | undefined {
  const { request, capabilities, losses } = scope
  const { format } = request
  if (!format) return undefined
  if (format.type !== 'text' && !capabilities.jsonWithTools && (request.tools?.length ?? 0) > 0) {
    losses.drop('format', 'the upstream does not combine JSON output with tools')
    return undefined
  }
  if (format.type === 'text') body['response_format'] = { type: 'text' }
  else if (format.type === 'json') body['response_format'] = { type: 'json_object' }
  else if (capabilities.jsonSchema === 'native') body['response_format'] = schemaFormat(format)
  else {
    losses.approximate('format', 'the upstream is told the schema but not bound to it')
    body['response_format'] = { type: 'json_object' }
    return `Answer only with JSON that matches this JSON Schema:\n${JSON.stringify(format.schema)}`
  }
  return undefined
}

function schemaFormat({ name, description, schema, strict }: SchemaFormat): JsonObject {
  const legal = name !== undefined && NAME_PATTERN.test(name) ? name : 'response'
  return { type: 'json_schema', json_schema: defined({ name: legal, description, schema, strict }) }
}
