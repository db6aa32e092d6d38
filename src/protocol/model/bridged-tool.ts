import { isObject, type JsonObject, parseJson } from './json.ts'
import type { CustomTool } from './request.ts'

/**
 * A free-text tool for an upstream that knows only functions (protocol.md §2.5): a function with one string, `input`.
 * The client's encoder takes the text out again.
 */
export interface BridgedTool {
  description?: string
  /** JSON Schema of the one argument. */
  parameters: JsonObject
}

export function bridgedTool(tool: CustomTool): BridgedTool {
  const description = bridgedDescription(tool)
  const parameters = {
    type: 'object',
    properties: { input: { type: 'string', description: 'The whole input of the tool, as plain text.' } },
    required: ['input'],
  }
  return { ...(description === undefined ? {} : { description }), parameters }
}

/** Coding agents edit files through such tools: a model that is told the grammar mostly keeps to it. */
function bridgedDescription({ description, grammar }: CustomTool): string | undefined {
  if (!grammar) return description
  const told = `The input must match this ${grammar.syntax} grammar:\n${grammar.definition}`
  return description === undefined ? told : `${description}\n\n${told}`
}

/** The text inside `{"input": …}`; arguments of any other form are given as they are. */
export function unwrapInput(text: string): string {
  const parsed = parseJson(text)
  return isObject(parsed) && typeof parsed['input'] === 'string' ? parsed['input'] : text
}
