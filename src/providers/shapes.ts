import { isObject, type Json, type JsonObject } from '../protocol/model/json.ts'

/** Small changes that several vendors want in a chat-completions body. None of them writes into its input. */
export type Shape = (body: JsonObject, model: string) => JsonObject

/** One shape out of several, applied from left to right. */
export function inTurn(...shapes: readonly Shape[]): Shape {
  return (body, model) => shapes.reduce((shaped, shape) => shape(shaped, model), body)
}

export function without(body: JsonObject, ...members: readonly string[]): JsonObject {
  const kept = { ...body }
  for (const member of members) delete kept[member]
  return kept
}

/** Google's addresses name the model and whether to stream; members it does not know are refused. */
export const namelessContents: Shape = (body) =>
  body['contents'] === undefined ? body : without(body, 'model', 'stream')

/** The same value under the vendor's name for it. */
export function renamed(from: string, to: string): Shape {
  return (body) => {
    if (body[from] === undefined) return body
    return { ...without(body, from), [to]: body[to] ?? body[from] }
  }
}

/**
 * What clients of the vendor of this wire write, in the words that its imitators know: instructions from `system`, the
 * output bound in `max_tokens` (protocol.md §1.5, §2.2, §2.7).
 */
export const olderWords: Shape = (body, model) => systemRoles(olderBound(body, model), model)

/** Where both are given the newer one counts. */
const olderBound: Shape = (body) => {
  const { max_completion_tokens: bound } = body
  return bound === undefined || bound === null
    ? body
    : { ...without(body, 'max_completion_tokens'), max_tokens: bound }
}

const systemRoles: Shape = (body) => {
  const { messages } = body
  if (!Array.isArray(messages) || !messages.some(isDeveloper)) return body
  return {
    ...body,
    messages: messages.map((message) => (isDeveloper(message) ? { ...message, role: 'system' } : message)),
  }
}

function isDeveloper(message: Json): message is JsonObject {
  return isObject(message) && message['role'] === 'developer'
}

/** Marks a final assistant turn as one to be continued (`partial`, `prefix`). */
export function continuing(member: string): Shape {
  return (body) => {
    const messages = body['messages']
    if (!Array.isArray(messages)) return body
    const last = messages.at(-1)
    if (!isObject(last) || last['role'] !== 'assistant' || last[member] !== undefined) return body
    return { ...body, messages: [...messages.slice(0, -1), { ...last, [member]: true }] }
  }
}

/**
 * An empty `reasoning_content` on assistant turns that called tools and have none (a client dropped it, or another
 * model made the turn): without the member the vendor answers 400 (protocol.md §1.5).
 */
export const withReasoningContent: Shape = (body) => {
  const { messages } = body
  if (!Array.isArray(messages) || !messages.some(lacksReasoning)) return body
  return {
    ...body,
    messages: messages.map((message) =>
      lacksReasoning(message) ? { ...message, reasoning_content: '' } : message,
    ),
  }
}

function lacksReasoning(message: Json): message is JsonObject {
  if (!isObject(message) || message['role'] !== 'assistant') return false
  const { tool_calls: calls, reasoning_content: reasoning } = message
  return Array.isArray(calls) && calls.length > 0 && typeof reasoning !== 'string'
}

/** `thinking: {type}` as the vendor's own switch; `write` gives the members that say on or off. */
export function thinkingSwitch(write: (on: boolean, body: JsonObject) => JsonObject): Shape {
  return (body) => {
    const { thinking } = body
    if (!isObject(thinking) || typeof thinking['type'] !== 'string') return body
    return { ...without(body, 'thinking'), ...write(thinking['type'] !== 'disabled', body) }
  }
}

/** Tool schemas with a root that is an object and names no `$schema` (Moonshot refuses others). */
export const plainToolSchemas: Shape = (body) => {
  const { tools } = body
  return Array.isArray(tools) ? { ...body, tools: tools.map(plainTool) } : body
}

function plainTool(tool: Json): Json {
  if (!isObject(tool) || !isObject(tool['function'])) return tool
  const { parameters } = tool['function']
  if (!isObject(parameters) || (parameters['$schema'] === undefined && parameters['type'] === 'object'))
    return tool
  const plain = { type: 'object', ...without(parameters, '$schema') }
  return { ...tool, function: { ...tool['function'], parameters: plain } }
}
