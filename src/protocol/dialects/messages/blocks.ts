import type {
  Block,
  Citation,
  TextBlock,
  ThinkingBlock,
  ToolCallBlock,
  UnknownBlock,
} from '../../model/block.ts'
import { unwrapOpaque } from '../../model/envelope.ts'
import { isObject, type Json, type JsonObject, rest } from '../../model/json.ts'
import { textOf } from '../../model/loose.ts'
import { type Extensions, extensionsOf, type Opaque } from '../../model/origin.ts'
import { blockKeys, DIALECT } from './wire.ts'

/** Wire blocks as model blocks, tolerantly: what requests and answers have in common. Checks are the caller's. */
export function textBlock(wire: JsonObject): TextBlock {
  const block: TextBlock = { type: 'text', text: textOf(wire.text), ...kept(wire, blockKeys.text) }
  if (Array.isArray(wire.citations)) block.citations = wire.citations.filter(isObject).map(citation)
  else if (wire.citations === null)
    block.extensions = { messages: { ...block.extensions?.messages, citations: null } }
  return block
}

/** The wire's own citation rides along, so it goes back untouched. */
export function citation(wire: JsonObject): Citation {
  const found: Citation = { wire: { dialect: DIALECT, value: wire } }
  const source = typeof wire.source === 'string' && /^https?:/.test(wire.source) ? wire.source : undefined
  const url = typeof wire.url === 'string' ? wire.url : source
  const title = typeof wire.title === 'string' ? wire.title : wire.document_title
  if (url !== undefined) found.url = url
  if (typeof title === 'string') found.title = title
  if (typeof wire.cited_text === 'string') found.quote = wire.cited_text
  return found
}

/** `maker` is known for answers only; a signature that a client replays may come from anywhere. */
export function thinkingBlock(wire: JsonObject, maker?: string): ThinkingBlock {
  const block: ThinkingBlock = {
    type: 'thinking',
    text: textOf(wire.thinking),
    ...kept(wire, blockKeys.thinking),
  }
  const opaque = opaqueList(textOf(wire.signature), 'signature', maker)
  if (opaque.length > 0) block.opaque = opaque
  return block
}

export function redactedBlock(wire: JsonObject, maker?: string): ThinkingBlock {
  const block: ThinkingBlock = {
    type: 'thinking',
    text: '',
    redacted: true,
    ...kept(wire, blockKeys.redacted),
  }
  const opaque = opaqueList(textOf(wire.data), 'redacted', maker)
  if (opaque.length > 0) block.opaque = opaque
  return block
}

/** Values of one field: one native value, or envelopes joined by commas (a comma never stands inside one). */
export function opaqueList(value: string, kind: 'signature' | 'redacted', maker?: string): Opaque[] {
  return value.split(/,(?=xjp1\.)/).flatMap((part) => {
    const opaque = unwrapOpaque(part, DIALECT, kind)
    if (opaque === undefined) return []
    const native = opaque.dialect === DIALECT && opaque.maker === undefined
    return [native && maker !== undefined ? { ...opaque, maker } : opaque]
  })
}

export function toolCall(wire: JsonObject): ToolCallBlock {
  return {
    type: 'tool-call',
    id: textOf(wire.id),
    name: textOf(wire.name),
    kind: 'function',
    arguments: inputText(wire.input),
    ...kept(wire, blockKeys.toolUse),
  }
}

/** `server_tool_use`, `mcp_tool_use`: the exact type and further members stay in the extensions. */
export function serverCall(wire: JsonObject): ToolCallBlock {
  return {
    type: 'tool-call',
    id: textOf(wire.id),
    name: textOf(wire.name),
    kind: 'server',
    arguments: inputText(wire.input),
    ...kept(wire, blockKeys.serverCall),
  }
}

export function unknownBlock(wire: JsonObject): UnknownBlock {
  return { type: 'unknown', dialect: DIALECT, wire }
}

/**
 * An unknown block as one wire object. Pieces that came in a stream are joined: strings are appended, partial
 * JSON becomes `input`, the rest replaces.
 */
export function wholeWire(block: UnknownBlock): JsonObject {
  const { xjp_deltas: deltas, ...whole } = block.wire
  if (!Array.isArray(deltas)) return whole
  let partial = ''
  for (const delta of deltas.filter(isObject)) {
    for (const [key, value] of Object.entries(delta)) {
      const earlier = whole[key]
      if (key === 'type') continue
      if (key === 'partial_json') partial += textOf(value)
      else if (key === 'citation')
        whole.citations = [...(Array.isArray(whole.citations) ? whole.citations : []), value as Json]
      else if (typeof value === 'string' && typeof earlier === 'string') whole[key] = earlier + value
      else whole[key] = value
    }
  }
  if (partial !== '') whole.input = parsed(partial)
  return whole
}

function parsed(partial: string): Json {
  try {
    return JSON.parse(partial) as Json
  } catch {
    return partial
  }
}

function inputText(input: Json | undefined): string {
  return input === undefined || input === null ? '{}' : JSON.stringify(input)
}

function kept(wire: JsonObject, known: ReadonlySet<string>): { extensions?: Extensions } {
  const extensions = extensionsOf(DIALECT, rest(wire, known))
  return extensions === undefined ? {} : { extensions }
}

/** True for blocks that show the user or the caller something. */
export function isCall(block: Block): block is ToolCallBlock {
  return block.type === 'tool-call' && block.kind !== 'server'
}
