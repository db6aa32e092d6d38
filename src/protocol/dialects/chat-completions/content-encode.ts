import type { Block, ThinkingBlock } from '../../model/block.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import { at } from '../../model/read.ts'
import { writeMark } from './cache.ts'
import { giveBack, noteOf } from './extensions.ts'
import { encodeMedia } from './media-encode.ts'
import type { Scope } from './scope.ts'
import { DIALECT } from './wire.ts'

/** A block that has a place among content parts, with its path in the model. */
export interface Placed<B extends Block = Block> {
  block: B
  path: string
}

/** The blocks of a message with their paths. */
export function placed(blocks: readonly Block[], path: string): Placed[] {
  return blocks.map((block, index) => ({ block, path: at(at(path, 'content'), index) }))
}

/** Content parts; what has no place is recorded in the losses. Empty texts are left out (protocol.md §2.3, 4). */
export function encodeParts(blocks: readonly Placed[], scope: Scope): JsonObject[] {
  const parts: JsonObject[] = []
  let thoughts: Json[] | undefined
  for (const { block, path } of blocks) {
    if (block.type === 'thinking') {
      if (!thoughts) parts.push(thinkingPart(block, (thoughts = [])))
      thoughts.push({ type: 'text', text: block.text })
      continue
    }
    thoughts = undefined
    const part = encodePart(block, path, scope)
    if (part) parts.push(part)
  }
  return parts
}

function thinkingPart(block: ThinkingBlock, thoughts: Json[]): JsonObject {
  return giveBack({ type: 'thinking', thinking: thoughts }, block.extensions)
}

function encodePart(block: Block, path: string, scope: Scope): JsonObject | undefined {
  if (block.type === 'unknown' && block.dialect === DIALECT) return block.wire
  const part = bare(block, path, scope)
  if (!part) return undefined
  if ('cache' in block) writeMark(part, block, path, scope)
  return 'extensions' in block ? giveBack(part, block.extensions) : part
}

function bare(block: Block, path: string, scope: Scope): JsonObject | undefined {
  switch (block.type) {
    case 'text':
      if (block.citations?.length)
        scope.losses.drop(`${path}.citations`, 'requests have no place for citations')
      return block.text === '' ? undefined : { type: 'text', text: block.text }
    case 'refusal':
      return noteOf(block.extensions, 'part') === 'refusal'
        ? { type: 'refusal', refusal: block.text }
        : { type: 'text', text: block.text }
    case 'media':
      return encodeMedia(block, path, scope)
    case 'unknown':
      scope.losses.refuse(
        path,
        `content of type ${JSON.stringify(block.wire['type'])} is known only to ${block.dialect}`,
      )
      return undefined
    case 'thinking':
    case 'tool-call':
    case 'tool-result':
      scope.losses.drop(path, `a ${block.type} block has no place here`)
      return undefined
  }
}

/**
 * Parts as `content`: a string where one says the same, since several servers take nothing else (protocol.md §1.5).
 */
export function contentOf(parts: JsonObject[], scope: Scope): string | JsonObject[] {
  if (!parts.every(isPlainText)) return parts
  if (parts.length > 1 && scope.capabilities.textParts !== false) return parts
  return parts.map((part) => part['text']).join('\n\n')
}

function isPlainText(part: JsonObject): boolean {
  if (part['type'] !== 'text') return false
  for (const key in part) if (key !== 'type' && key !== 'text') return false
  return true
}
