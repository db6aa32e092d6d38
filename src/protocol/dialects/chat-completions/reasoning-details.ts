import type { ThinkingBlock } from '../../model/block.ts'
import { unwrapOpaque, wrapOpaque } from '../../model/envelope.ts'
import { isObject, type JsonObject, parseJson } from '../../model/json.ts'
import { defined, objectsOf, textOf } from '../../model/loose.ts'
import type { Opaque } from '../../model/origin.ts'
import { readArray, readString } from '../../model/read.ts'
import { DIALECT } from './wire.ts'

/**
 * `reasoning_details` (protocol.md §2.8.2, §5.2). An entry becomes one thinking block: its text is the block's, the
 * rest of it is an opaque value of this dialect. Entries that hold an envelope belong to another dialect.
 */
const textMembers: Record<string, string> = { 'reasoning.text': 'text', 'reasoning.summary': 'summary' }

/** The member that holds an entry's readable text, if its type has one. */
export function textMember(entry: JsonObject): string | undefined {
  return textMembers[textOf(entry['type'])]
}

/** An earlier assistant turn's thinking, from whichever fields the client sent back. */
export function decodeThinkingFields(message: JsonObject, path: string): ThinkingBlock[] {
  const plain = readString(message, 'reasoning_content', path) ?? readString(message, 'reasoning', path)
  const blocks = blocksOf(objectsOf(readArray(message, 'reasoning_details', path)))
  const isTold = blocks.some((block) => block.text !== '')
  return plain !== undefined && !isTold ? [{ type: 'thinking', text: plain }, ...blocks] : blocks
}

function blocksOf(entries: JsonObject[]): ThinkingBlock[] {
  const blocks: ThinkingBlock[] = []
  let lastIndex: unknown
  for (const entry of entries) {
    const block = blockOf(entry)
    const previous = blocks.at(-1)
    const isContinued = entry['index'] !== undefined && entry['index'] === lastIndex
    if (previous && isContinued && block.redacted && isForeign(block))
      previous.opaque = [...(previous.opaque ?? []), ...(block.opaque ?? [])]
    else blocks.push(block)
    lastIndex = entry['index']
  }
  return blocks
}

function isForeign(block: ThinkingBlock): boolean {
  return block.opaque?.[0]?.dialect !== DIALECT
}

function blockOf(entry: JsonObject): ThinkingBlock {
  const member = textMember(entry)
  return defined({
    type: 'thinking',
    text: member ? textOf(entry[member]) : '',
    opaque: opaqueOf(entry, member),
    redacted: member ? undefined : true,
    summary: member === 'summary' ? true : undefined,
  } satisfies ThinkingBlock)
}

function opaqueOf(entry: JsonObject, member: string | undefined): Opaque[] | undefined {
  const sealed = textOf(entry['signature']) || textOf(entry['data'])
  const opaque = unwrapOpaque(sealed, DIALECT, 'reasoning-details')
  if (sealed !== '' && opaque?.value !== sealed) return opaque && [opaque]
  const native = nativeOpaque(member === undefined ? entry : { ...entry, [member]: undefined })
  return native && [native]
}

/** One entry without its text as an opaque value; undefined when it says nothing beyond the text. */
export function nativeOpaque(entry: JsonObject, maker?: string): Opaque | undefined {
  for (const key in entry) {
    if (key === 'type' || key === 'index' || entry[key] === undefined) continue
    const opaque: Opaque = {
      dialect: DIALECT,
      kind: 'reasoning-details',
      value: JSON.stringify(entry),
      maker,
    }
    return defined(opaque)
  }
  return undefined
}

/** The entries that carry a block to a client: native ones as they were, foreign ones in envelopes. */
export function encodeDetails(block: ThinkingBlock, index: number, maker: string): JsonObject[] {
  const opaque = block.opaque ?? []
  const native = nativeEntries(block, opaque)
  const foreign = opaque
    .filter((entry) => !isNative(entry))
    .map((entry) => wrapOpaque({ ...entry, maker: entry.maker ?? maker }, DIALECT, 'reasoning-details'))
  if (native.length > 0) return [...native, ...foreign.map((data) => encrypted(data, index))]
  const [first, ...others] = foreign
  const told = readableEntry(block, index, first, opaque[0]?.kind === 'signature')
  const sealed = told?.['signature'] === undefined && first !== undefined ? [first, ...others] : others
  return [...(told ? [told] : []), ...sealed.map((data) => encrypted(data, index))]
}

function readableEntry(
  block: ThinkingBlock,
  index: number,
  sealed: string | undefined,
  isSignature: boolean,
): JsonObject | undefined {
  if (block.summary && block.text !== '') return { type: 'reasoning.summary', summary: block.text, index }
  if (block.text === '' && !isSignature) return undefined
  return defined({ type: 'reasoning.text', text: block.text, signature: sealed, index })
}

function encrypted(data: string, index: number): JsonObject {
  return { type: 'reasoning.encrypted', data, index }
}

function isNative(opaque: Opaque): boolean {
  return opaque.dialect === DIALECT && opaque.kind === 'reasoning-details'
}

/** The wire entries behind the native values among `opaque`; the block's text returns to the first that had one. */
export function nativeEntries(block: ThinkingBlock, opaque: readonly Opaque[]): JsonObject[] {
  let text: string | undefined = block.text
  return opaque.filter(isNative).flatMap((value) => {
    const entry = parseJson(value.value)
    if (!isObject(entry)) return []
    const member = textMember(entry)
    if (member === undefined || text === undefined) return [entry]
    const told = { ...entry, [member]: text }
    text = undefined
    return [told]
  })
}
