import type { ToolCallBlock } from '../../model/block.ts'
import { isSendable } from '../../model/envelope.ts'
import type { JsonObject } from '../../model/json.ts'
import type { DialectName } from '../../model/origin.ts'
import { writeMark } from './cache.ts'
import type { Placed } from './content-encode.ts'
import { giveBack } from './extensions.ts'
import { wireCallId, wireToolName } from './names.ts'
import type { Scope } from './scope.ts'
import { signatureMember } from './signature.ts'
import { DIALECT } from './wire.ts'

/** Stands in for a signature that was lost, where the upstream demands one (protocol.md §2.8.4). */
const SENTINEL = 'skip_thought_signature_validator'

/** The calls of an earlier turn; those the provider ran itself are left out, since no other can repeat them. */
export function encodeCalls(calls: readonly Placed<ToolCallBlock>[], scope: Scope): JsonObject[] {
  const encoded = calls.flatMap<JsonObject>(({ block, path }) => encodeCall(block, path, scope) ?? [])
  const first = encoded[0]
  const isUnsigned = first !== undefined && first['extra_content'] === undefined
  if (scope.capabilities.thoughtSignatures && isUnsigned) Object.assign(first, signatureMember(SENTINEL))
  return encoded
}

function encodeCall(block: ToolCallBlock, path: string, scope: Scope): JsonObject | undefined {
  const { capabilities, losses } = scope
  if (block.kind === 'server') {
    losses.drop(path, 'a tool the provider ran has no place in chat completions')
    return undefined
  }
  const id = wireCallId(block.id, capabilities.callId)
  const wire: JsonObject = { id, ...body(block, capabilities.customTools), ...signature(block, scope) }
  writeMark(wire, block, path, scope)
  return giveBack(wire, block.extensions)
}

/** Only to its maker, in this dialect or in the one whose state the upstream understands. */
function signature(
  { signature: opaque }: ToolCallBlock,
  { capabilities, target }: Scope,
): JsonObject | undefined {
  const readable: DialectName[] = [DIALECT, capabilities.opaqueDialect]
  const isKnown = opaque && readable.some((dialect) => isSendable(opaque, dialect, target.maker))
  return isKnown ? signatureMember(opaque.value) : undefined
}

/** A free-text call to an upstream without such tools is a function of one argument, `input` (protocol.md §2.5). */
function body(block: ToolCallBlock, customTools: boolean): JsonObject {
  const name = wireToolName(block.name)
  if (block.kind === 'custom' && customTools)
    return { type: 'custom', custom: { name, input: block.arguments } }
  const text = block.kind === 'custom' ? JSON.stringify({ input: block.arguments }) : block.arguments
  return { type: 'function', function: { name, arguments: text } }
}
