import type { ToolCallBlock } from '../../model/block.ts'
import { invalid } from '../../model/error.ts'
import { type JsonObject, rest } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import { asObject, at, readArray, readObject, readOneOf, readString, required } from '../../model/read.ts'
import { readMark } from './cache.ts'
import { keep } from './extensions.ts'
import { besideSignature, readSignature } from './signature.ts'
import { callCustomFields, callFields, callFunctionFields } from './wire.ts'

/**
 * Pairs results with the calls they answer where the wire names neither (protocol.md §3, 26 and 47): by the tool's
 * name if it is known, else in order.
 */
export class OpenCalls {
  #open: { id: string; name: string }[] = []

  add(call: ToolCallBlock): void {
    this.#open.push(call)
  }

  /** Takes the call a result belongs to out of the list and returns its id. */
  take(given: { id?: string; name?: string }): string | undefined {
    const position = this.#open.findIndex((call) =>
      given.id === undefined ? given.name === undefined || call.name === given.name : call.id === given.id,
    )
    return this.#open.splice(position < 0 ? this.#open.length : position, 1)[0]?.id ?? given.id
  }
}

/** `tool_calls` and the deprecated `function_call` of an assistant message. */
export function decodeCalls(message: JsonObject, path: string, open: OpenCalls): ToolCallBlock[] {
  const calls = (readArray(message, 'tool_calls', path) ?? []).map((entry, index) => {
    const here = at(at(path, 'tool_calls'), index)
    return decodeCall(asObject(entry, here), here)
  })
  const legacy = readObject(message, 'function_call', path)
  if (legacy) calls.push(decodeFunctionCall(legacy, at(path, 'function_call')))
  for (const call of calls) open.add(call)
  return calls
}

function decodeCall(call: JsonObject, path: string): ToolCallBlock {
  const type = readOneOf(call, 'type', path, ['function', 'custom'])
  const kind = type ?? (call['custom'] === undefined ? 'function' : 'custom')
  const here = at(path, kind)
  const body = readObject(call, kind, path)
  if (!body) throw invalid(here, 'is required: expected an object with the name of the tool')
  const known = kind === 'custom' ? callCustomFields : callFunctionFields
  const inside = rest(body, known)
  const kept = { ...rest(call, callFields), ...besideSignature(call), ...(inside && { [kind]: inside }) }
  return defined({
    type: 'tool-call',
    ...idOf(readString(call, 'id', path), path),
    name: required(readString(body, 'name', here), at(here, 'name'), 'the name of the tool'),
    kind,
    arguments: kind === 'custom' ? (readString(body, 'input', here) ?? '') : argumentsOf(body, here),
    signature: readSignature(call),
    cache: readMark(call, path).cache,
    extensions: keep(kept),
  } satisfies ToolCallBlock)
}

function decodeFunctionCall(body: JsonObject, path: string): ToolCallBlock {
  return {
    type: 'tool-call',
    ...idOf(undefined, path),
    name: required(readString(body, 'name', path), at(path, 'name'), 'the name of the function'),
    kind: 'function',
    arguments: argumentsOf(body, path),
  }
}

/** Without an id the call is named after its place, so that the same history always gives the same id. */
function idOf(id: string | undefined, path: string): { id: string; idMade?: boolean } {
  return id ? { id } : { id: `call_${path.replace(/[^a-zA-Z0-9]+/g, '_')}`, idMade: true }
}

/** JSON text; an object is tolerated, nothing at all means no arguments (protocol.md §3, 27). */
function argumentsOf(body: JsonObject, path: string): string {
  const value = body['arguments']
  if (typeof value === 'object' && value !== null) return JSON.stringify(value)
  return readString(body, 'arguments', path) || '{}'
}
