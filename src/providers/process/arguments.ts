import { GatewayError, invalid } from '../../protocol/model/error.ts'

/** Values a template may hold. */
export interface TemplateValues {
  model: string
  max_tokens: string | undefined
  temperature: string | undefined
}

type Placeholder = keyof TemplateValues

const placeholders: readonly Placeholder[] = ['model', 'max_tokens', 'temperature']

/** The request's own word for each, for error messages. */
const members = { model: 'model', max_tokens: 'maxOutputTokens', temperature: 'temperature' } as const

/** One argument of the template: literal texts and placeholders in order. */
export interface Argument {
  pieces: readonly ({ text: string } | { placeholder: Placeholder })[]
}

/** Parses one argument of `command`; throws `internal` for a word in braces that is no placeholder. */
export function parseArgument(text: string): Argument {
  const pieces: Argument['pieces'][number][] = []
  for (const part of text.split(/(\{[a-z_]+\})/)) if (part !== '') pieces.push(piece(part, text))
  return { pieces }
}

function piece(part: string, argument: string): Argument['pieces'][number] {
  if (!/^\{[a-z_]+\}$/.test(part)) return { text: part }
  const placeholder = placeholders.find((known) => part === `{${known}}`)
  if (placeholder) return { placeholder }
  const known = placeholders.map((word) => `{${word}}`).join(', ')
  throw new GatewayError('internal', `command: "${argument}" has ${part}, which is none of ${known}`)
}

/** Whether any argument takes this value: what none takes is lost. */
export function takes(args: readonly Argument[], placeholder: Placeholder): boolean {
  return args.some(({ pieces }) =>
    pieces.some((part) => 'placeholder' in part && part.placeholder === placeholder),
  )
}

/**
 * The arguments of one call. An argument whose value the request does not give is left out, and when it is nothing
 * but that placeholder, the option before it (`-n {max_tokens}`) as well.
 */
export function fillArguments(args: readonly Argument[], values: TemplateValues): string[] {
  const filled: string[] = []
  for (const { pieces } of args) {
    const text = fill(pieces, values)
    if (text !== undefined) filled.push(text)
    else if (pieces.length === 1 && filled.at(-1)?.startsWith('-')) filled.pop()
  }
  return filled
}

function fill(pieces: Argument['pieces'], values: TemplateValues): string | undefined {
  let text = ''
  for (const part of pieces) {
    if ('text' in part) {
      text += part.text
      continue
    }
    const value = values[part.placeholder]
    if (value === undefined) return undefined
    text += checked(value, part.placeholder, text)
  }
  return text
}

/** Names as model files, tags and repositories have them: no blanks, no control characters, no metacharacters. */
const safeModel = /^[A-Za-z0-9_.:@+/-]{1,256}$/

function checked(value: string, placeholder: Placeholder, before: string): string {
  const field = members[placeholder]
  if (value.startsWith('-') && before === '')
    throw invalid(field, 'must not begin with "-", because the command would read it as an option')
  if (placeholder !== 'model') return value
  if (safeModel.test(value) && !value.split('/').includes('..') && !value.startsWith('/')) return value
  throw invalid(
    field,
    'expected letters, digits and "._:@+/-" without ".." and without a leading "/", because it becomes part of a command',
  )
}
