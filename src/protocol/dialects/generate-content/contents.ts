import { rawArguments, readArguments } from '../../model/arguments.ts'
import type { Block, ThinkingBlock, ToolCallBlock, ToolResultBlock, UnknownBlock } from '../../model/block.ts'
import { isObject, type JsonObject } from '../../model/json.ts'
import { at } from '../../model/read.ts'
import type { Message } from '../../model/request.ts'
import { systemReminder } from '../../model/stand-in.ts'
import type { Encoding } from './encoding.ts'
import { mediaData, mediaModifiers } from './media.ts'
import { wireToolName } from './names.ts'
import type { PendingCall } from './tool-results.ts'
import { DIALECT, own } from './wire.ts'

/** One side's turn: consecutive messages of a role are one turn. */
export interface Turn {
  role: 'user' | 'model'
  parts: JsonObject[]
  calls: PendingCall[]
  results: { block: ToolResultBlock; path: string }[]
}

/** Messages (leading system messages already taken out) as alternating turns; results stay apart for pairing. */
export function turnsOf(messages: readonly Message[], from: number, encoding: Encoding): Turn[] {
  const turns: Turn[] = []
  messages.slice(from).forEach((message, offset) => {
    const path = `messages[${from + offset}]`
    const turn = emptyTurn(message.role === 'assistant' ? 'model' : 'user')
    for (const [index, block] of message.content.entries())
      addBlock(turn, message, block, `${path}.content[${index}]`, encoding)
    if (message.name !== undefined)
      encoding.losses.drop(`${path}.name`, 'the upstream has no participant names')
    join(turns, turn)
  })
  return turns
}

export function emptyTurn(role: Turn['role']): Turn {
  return { role, parts: [], calls: [], results: [] }
}

/** Appends the turn, or joins it to the last one of the same role; an empty turn is left out. */
function join(turns: Turn[], turn: Turn): void {
  if (turn.parts.length + turn.results.length === 0) return
  const last = turns[turns.length - 1]
  if (last?.role !== turn.role) return void turns.push(turn)
  last.parts.push(...turn.parts)
  last.calls.push(...turn.calls)
  last.results.push(...turn.results)
}

function addBlock(turn: Turn, message: Message, block: Block, path: string, encoding: Encoding): void {
  if (block.type === 'tool-result') turn.results.push({ block, path })
  else if (block.type === 'tool-call') turn.parts.push(...callParts(block, path, turn, encoding))
  else if (message.role === 'system') turn.parts.push(...reminder(block, path, encoding))
  else turn.parts.push(...blockParts(block, path, turn.role, encoding))
}

/** A system message between turns has no place here: it rides in the user's turn (protocol.md §2.2). */
function reminder(block: Block, path: string, encoding: Encoding): JsonObject[] {
  const text = systemText(block, path, encoding)
  if (text === undefined) return []
  encoding.losses.approximate(path, 'a system message between turns was folded into the user turn')
  return [{ text: systemReminder(text) }]
}

/** The text of a block in a system message; instructions are text on this wire. */
export function systemText(block: Block, path: string, encoding: Encoding): string | undefined {
  if (block.type === 'text') return block.text === '' ? undefined : block.text
  encoding.losses.refuse(path, 'system instructions can hold only text for this upstream')
  return undefined
}

/** A block of a user or model turn as parts. */
function blockParts(block: Block, path: string, role: Turn['role'], encoding: Encoding): JsonObject[] {
  switch (block.type) {
    case 'text': {
      if (block.citations?.length)
        encoding.losses.drop(at(path, 'citations'), 'the upstream takes no citations back')
      const thoughtSignature = encoding.signature(block.signature, at(path, 'signature'))
      if (block.text === '' && thoughtSignature === undefined) return []
      const signed = thoughtSignature === undefined ? {} : { thoughtSignature }
      return [{ text: block.text, ...signed, ...own(block.extensions) }]
    }
    case 'media': {
      if (block.source.type === 'blocks') {
        encoding.losses.approximate(path, 'a document of several blocks was sent as its blocks')
        return block.source.blocks.flatMap((inner, index) =>
          blockParts(inner, `${path}.source.blocks[${index}]`, role, encoding),
        )
      }
      const data = mediaData(block, path, encoding)
      return data === undefined ? [] : [{ ...data, ...mediaModifiers(block, path, encoding) }]
    }
    case 'thinking':
      return thinkingParts(block, path, encoding)
    case 'refusal':
      return block.text === '' ? [] : [{ text: block.text }]
    case 'unknown':
      return unknownParts(block, path, role, encoding)
    case 'tool-call':
    case 'tool-result':
      return []
  }
}

/**
 * Thinking is optional on this wire (protocol.md §2.8.2): it goes back only with a signature this target made, and
 * readable thinking without one is left out like any model's own past thoughts.
 */
function thinkingParts(block: ThinkingBlock, path: string, encoding: Encoding): JsonObject[] {
  const signatures = (block.opaque ?? []).flatMap(
    (opaque, index) => encoding.signature(opaque, `${path}.opaque[${index}]`) ?? [],
  )
  return signatures.map((thoughtSignature, index) => ({
    text: index === 0 ? block.text : '',
    thought: true,
    thoughtSignature,
  }))
}

function unknownParts(
  block: UnknownBlock,
  path: string,
  role: Turn['role'],
  { losses }: Encoding,
): JsonObject[] {
  if (block.dialect === DIALECT) return [block.wire]
  if (role === 'user') losses.refuse(path, 'the upstream has no such kind of content')
  else losses.drop(path, 'content only its own provider can read')
  return []
}

function callParts(block: ToolCallBlock, path: string, turn: Turn, encoding: Encoding): JsonObject[] {
  if (block.kind === 'server') {
    encoding.losses.drop(path, 'a call run by another provider cannot be replayed')
    return []
  }
  const name = wireToolName(block.name)
  const idMade = block.idMade === true
  turn.calls.push({ id: block.id, name, idMade, path })
  const { functionCall, ...modifiers } = own(block.extensions)
  const id = encoding.capabilities.functionCallIds && !idMade ? { id: block.id } : {}
  const thoughtSignature = encoding.signature(block.signature, at(path, 'signature'))
  return [
    {
      functionCall: {
        ...(isObject(functionCall) ? functionCall : {}),
        ...id,
        name,
        args: argumentsOf(block, path, encoding),
      },
      ...modifiers,
      ...(thoughtSignature === undefined ? {} : { thoughtSignature }),
    },
  ]
}

/** Arguments are an object here: free text goes under `input`, broken JSON is kept as text. */
function argumentsOf(block: ToolCallBlock, path: string, { losses }: Encoding): JsonObject {
  if (block.kind === 'custom') return { input: block.arguments }
  const read = readArguments(block.arguments)
  if (read) return read
  losses.approximate(at(path, 'arguments'), 'the arguments are no JSON object: sent as text')
  return rawArguments(block.arguments)
}
