import type { ToolCallBlock } from '../../model/block.ts'
import { isSendable } from '../../model/envelope.ts'
import type { JsonObject } from '../../model/json.ts'
import { writeMark } from './cache.ts'
import { giveBack } from './extensions.ts'
import { wireCallId, wireName } from './names.ts'
import type { Scope } from './scope.ts'
import { signatureMember } from './signature.ts'
import { DIALECT } from './wire.ts'

/** A call of an earlier turn; undefined for one the provider ran itself, which no other can repeat. */
export function encodeCall(block: ToolCallBlock, path: string, scope: Scope): JsonObject | undefined {
  const { capabilities, losses, target } = scope
  if (block.kind === 'server') {
    losses.drop(path, 'a tool the provider ran has no place in chat completions')
    return undefined
  }
  const wire: JsonObject = {
    id: wireCallId(block.id, capabilities.callId),
    ...body(block, capabilities.customTools),
  }
  if (block.signature && isSendable(block.signature, DIALECT, target.maker))
    Object.assign(wire, signatureMember(block.signature))
  writeMark(wire, block, path, scope)
  return giveBack(wire, block.extensions)
}

/** A free-text call to an upstream without such tools is a function of one argument, `input` (protocol.md §2.5). */
function body(block: ToolCallBlock, customTools: boolean): JsonObject {
  const name = wireName(block.name)
  if (block.kind === 'custom' && customTools)
    return { type: 'custom', custom: { name, input: block.arguments } }
  const text = block.kind === 'custom' ? JSON.stringify({ input: block.arguments }) : block.arguments
  return { type: 'function', function: { name, arguments: text } }
}
