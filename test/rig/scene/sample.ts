import { at, type Fields, fields, isFields, list, text } from '../json.ts'

/** Escapes, two scripts and an astral character: what breaks careless JSON and UTF-8 handling. */
export const SAMPLE_TEXT = '北京 "quoted"\n😀'

const formats: Record<string, string> = {
  __proto__: null as never,
  date: '2026-11-20',
  'date-time': '2026-11-20T08:00:00Z',
  time: '08:00:00Z',
  email: 'someone@example.com',
  uri: 'https://example.com/',
  uuid: '123e4567-e89b-42d3-a456-426614174000',
  ipv4: '192.0.2.1',
}

function sampleText(schema: Fields): string {
  const known = formats[text(schema['format'])]
  if (known !== undefined) return known
  const least = Number(schema['minLength'] ?? 0)
  const most = Number(schema['maxLength'] ?? Number.POSITIVE_INFINITY)
  return SAMPLE_TEXT.padEnd(least, 'x').slice(0, most)
}

function sampleNumber(schema: Fields): number {
  const least = Number(schema['minimum'] ?? Number.NEGATIVE_INFINITY)
  const most = Number(schema['maximum'] ?? Number.POSITIVE_INFINITY)
  return Math.min(Math.max(7, least), most)
}

function typeOf(schema: Fields): string {
  const declared = schema['type']
  const one = Array.isArray(declared) ? declared.find((name) => name !== 'null') : declared
  if (typeof one === 'string') return one.toLowerCase()
  return isFields(schema['properties']) ? 'object' : schema['items'] === undefined ? 'string' : 'array'
}

/** Recursive schemas end here with empty lists. */
const DEEPEST = 8

const makers: Record<string, (schema: Fields, root: Fields, depth: number) => unknown> = {
  string: sampleText,
  number: sampleNumber,
  integer: sampleNumber,
  boolean: () => true,
  null: () => null,
  array: (schema, root, depth) => {
    if (depth > DEEPEST) return []
    const count = Math.max(2, Number(schema['minItems'] ?? 0))
    const most = Number(schema['maxItems'] ?? count)
    return Array.from({ length: Math.min(count, most) }, () =>
      sample(fields(schema['items']), root, depth + 1),
    )
  },
  object: (schema, root, depth) =>
    Object.fromEntries(
      Object.entries(fields(schema['properties'])).map(([name, member]) => [
        name,
        sample(fields(member), root, depth + 1),
      ]),
    ),
}

/** A fixed value that satisfies a JSON Schema of the kinds tools and structured output use. */
export function sample(schema: Fields, root: Fields = schema, depth = 0): unknown {
  if (schema['const'] !== undefined) return schema['const']
  const choices = list(schema['enum'])
  if (choices.length > 0) return choices[0]
  const reference = text(schema['$ref'])
  if (reference.startsWith('#/'))
    return sample(fields(at(root, ...reference.slice(2).split('/'))), root, depth + 1)
  for (const word of ['anyOf', 'oneOf', 'allOf']) {
    const branch = list(schema[word])[0]
    if (branch !== undefined) return sample(fields(branch), root, depth + 1)
  }
  return (makers[typeOf(schema)] ?? sampleText)(schema, root, depth)
}

/** Arguments for a tool with these parameters. */
export function sampleArguments(schema: Fields): Record<string, unknown> {
  return fields(makers['object']?.(schema, schema, 0))
}
