import type { Block, ToolResultBlock } from '../../model/block.ts'
import type { JsonObject } from '../../model/json.ts'
import { markFor } from './cache.ts'
import { contentOf, encodeParts, type Placed, placed } from './content-encode.ts'
import { giveBack } from './extensions.ts'
import { wireCallId } from './names.ts'
import type { Scope } from './scope.ts'

export interface EncodedResult {
  wire: JsonObject
  /** A user message that shows what the tool message cannot hold; it follows the last tool message of the turn. */
  moved?: JsonObject
}

/** One tool message; media it cannot hold go into a labelled user message (protocol.md §2.4). */
export function encodeToolResult(
  block: ToolResultBlock,
  path: string,
  name: string | undefined,
  scope: Scope,
): EncodedResult {
  const blocks = placed(block.content, path)
  const isKept = ({ block: inner }: Placed) => scope.capabilities.toolResultMedia || !isMedia(inner)
  const away = blocks.filter((inner) => !isKept(inner))
  const parts = encodeParts(blocks.filter(isKept), scope)
  if (parts.length === 0 && away.length > 0)
    parts.push(text('(the content follows in the next user message)'))
  if (block.isError) markError(parts)
  markLast(parts, block, path, scope)
  const id = wireCallId(block.callId, scope.capabilities.callId)
  const wire: JsonObject = { role: 'tool', tool_call_id: id, content: contentOf(parts, scope) }
  return { wire: giveBack(wire, block.extensions), moved: moved(away, id, name, scope) }
}

/** Documents that are text stay: they are written as text. */
function isMedia(block: Block): boolean {
  return block.type === 'media' && block.source.type !== 'text' && block.source.type !== 'blocks'
}

function moved(away: Placed[], id: string, name: string | undefined, scope: Scope): JsonObject | undefined {
  if (away.length === 0) return undefined
  const content = away.flatMap((inner) => {
    const kind = inner.block.type === 'media' ? inner.block.kind : 'content'
    const by = name === undefined ? `call ${id}` : `tool ${name} call ${id}`
    return [text(`(${kind} returned by ${by})`), ...encodeParts([inner], scope)]
  })
  return { role: 'user', content }
}

/** This wire has no error flag: the text says it (protocol.md §2.4). */
function markError(parts: JsonObject[]): void {
  const first = parts.find((part) => part['type'] === 'text')
  if (!first) parts.unshift(text('Error'))
  else if (!/^error/i.test(String(first['text']))) first['text'] = `Error: ${String(first['text'])}`
}

function markLast(parts: JsonObject[], block: ToolResultBlock, path: string, scope: Scope): void {
  const written = block.cache && markFor(block.cache, false, path, scope)
  const last = parts.findLast((part) => part['type'] === 'text')
  if (written && last) last[written.member] ??= written.value
}

function text(value: string): JsonObject {
  return { type: 'text', text: value }
}
