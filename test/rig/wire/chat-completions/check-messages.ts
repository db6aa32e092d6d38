import { at, type Fields, fields, isFields, list, parseJson, text } from '../../json.ts'
import type { Problem, WireRequest } from '../dialect.ts'
import { isBase64 } from '../media.ts'
import { type ChatVendor, chatVendor } from './vendors.ts'

export const NAME = /^[a-zA-Z0-9_-]{1,64}$/
const LONGEST_ID = 64

const partRules: Record<string, (part: Fields) => string | undefined> = {
  text: (part) => (typeof part['text'] === 'string' ? undefined : 'text must be a string'),
  refusal: (part) => (typeof part['refusal'] === 'string' ? undefined : 'refusal must be a string'),
  image_url: (part) => urlProblem(at(part, 'image_url', 'url')),
  video_url: (part) => urlProblem(at(part, 'video_url', 'url')),
  input_audio: (part) =>
    isBase64(text(at(part, 'input_audio', 'data'))) ? undefined : 'input_audio.data must be base64',
  file: (part) => {
    const file = fields(part['file'])
    if (typeof file['file_id'] === 'string') return undefined
    if (typeof file['filename'] !== 'string') return 'file.filename is required beside file_data'
    return urlProblem(file['file_data'])
  },
}

function urlProblem(url: unknown): string | undefined {
  const value = text(url)
  if (/^https?:\/\//.test(value)) return undefined
  const payload = /^data:[^,]+;base64,(.*)$/s.exec(value)?.[1]
  return payload !== undefined && isBase64(payload)
    ? undefined
    : 'expected an http(s) URL or a base64 data URL'
}

const partsByRole: Record<string, readonly string[]> = {
  system: ['text'],
  developer: ['text'],
  user: ['text', 'image_url', 'input_audio', 'file'],
  assistant: ['text', 'refusal'],
  tool: ['text'],
}

function* contentProblems(message: Fields, path: string, vendor: ChatVendor): Iterable<Problem> {
  const content = message['content']
  if (typeof content === 'string') return
  if (content === null || content === undefined) {
    if (message['role'] !== 'assistant' || list(message['tool_calls']).length === 0)
      yield { path: `${path}.content`, message: `Invalid value for 'content': expected a string, got null.` }
    return
  }
  const parts = list(content)
  if (parts.length === 0)
    yield { path: `${path}.content`, message: 'expected a string or a non-empty array of parts' }
  for (const [index, part] of parts.entries()) {
    const wire = fields(part)
    const type = text(wire['type'])
    const here = `${path}.content[${index}]`
    const role = text(message['role'])
    const legal = vendor.parts[role] ?? partsByRole[role] ?? []
    if (!legal.includes(type))
      yield { path: `${here}.type`, message: `Invalid value: '${type}'.`, code: 'invalid_value' }
    const wrong = partRules[type]?.(wire)
    if (wrong !== undefined) yield { path: here, message: wrong, code: 'invalid_value' }
  }
}

function functionProblem(call: unknown): string | undefined {
  if (!NAME.test(text(at(call, 'function', 'name')))) return 'function.name: illegal or missing'
  const json = parseJson(text(at(call, 'function', 'arguments')))
  return isFields(json) ? undefined : 'function.arguments: expected the JSON text of an object'
}

function customProblem(call: unknown): string | undefined {
  if (!NAME.test(text(at(call, 'custom', 'name')))) return 'custom.name: illegal or missing'
  return typeof at(call, 'custom', 'input') === 'string' ? undefined : 'custom.input: expected a string'
}

const callRules: Record<string, (call: unknown) => string | undefined> = {
  function: functionProblem,
  custom: customProblem,
}

function* callProblems(message: Fields, path: string): Iterable<Problem> {
  if (message['tool_calls'] === undefined) return
  const calls = list(message['tool_calls'])
  if (calls.length === 0) yield { path: `${path}.tool_calls`, message: 'Invalid array: [] is too short' }
  for (const [index, call] of calls.entries()) {
    const here = `${path}.tool_calls[${index}]`
    const id = text(at(call, 'id'))
    if (id === '' || id.length > LONGEST_ID)
      yield { path: `${here}.id`, message: `expected 1 to ${LONGEST_ID} characters` }
    const rule = callRules[text(at(call, 'type'))]
    if (rule === undefined) yield { path: `${here}.type`, message: "expected 'function' or 'custom'" }
    const wrong = rule?.(call)
    if (wrong !== undefined) yield { path: here, message: wrong }
  }
}

/** Every message by itself: role, content, parts, calls. */
export function* messageShapes({ body, vendor }: WireRequest): Iterable<Problem> {
  const style = chatVendor(vendor)
  for (const [index, entry] of list(body['messages']).entries()) {
    const message = fields(entry)
    const role = text(message['role'])
    const path = `messages[${index}]`
    if (partsByRole[role] === undefined || (role === 'developer' && !style.developerRole))
      yield { path: `${path}.role`, message: `Invalid value: '${role}'.`, code: 'invalid_value' }
    yield* contentProblems(message, path, style)
    yield* callProblems(message, path)
  }
}

/** Every call is answered by the tool messages that follow at once, and nothing else is. */
export function* pairing({ body }: WireRequest): Iterable<Problem> {
  let open: string[] = []
  for (const [index, entry] of list(body['messages']).entries()) {
    const message = fields(entry)
    const path = `messages[${index}]`
    if (message['role'] === 'tool') {
      const id = text(message['tool_call_id'])
      if (!open.includes(id))
        yield {
          path,
          message: "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
        }
      open = open.filter((one) => one !== id)
      continue
    }
    yield* unanswered(open, path)
    open = list(message['tool_calls']).map((call) => text(at(call, 'id')))
  }
  yield* unanswered(open, 'messages')
}

function* unanswered(open: readonly string[], path: string): Iterable<Problem> {
  if (open.length > 0)
    yield {
      path,
      message:
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. " +
        `The following tool_call_ids did not have response messages: ${open.join(', ')}`,
    }
}
