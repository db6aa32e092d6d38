import { isObject, type JsonObject } from '../../model/json.ts'
import type { ChatRequest, Message } from '../../model/request.ts'
import { FILLER } from '../../model/stand-in.ts'
import { emptyTurn, systemText, type Turn, turnsOf } from './contents.ts'
import type { Encoding } from './encoding.ts'
import { encodeResult, missingResult, orphanText, type PendingCall } from './tool-results.ts'
import { SIGNATURE_SENTINEL, type WireContent } from './wire.ts'

export interface Conversation extends JsonObject {
  contents: WireContent[]
  /** One part a text block. */
  systemInstruction?: { parts: JsonObject[] }
}

/** Messages as contents that alternate, answer every call in order, and carry signatures where they belong. */
export function encodeConversation(
  request: ChatRequest,
  instructions: string[],
  encoding: Encoding,
): Conversation {
  const leading = leadingSystem(request.messages)
  const system = systemParts(request.messages.slice(0, leading), encoding)
  system.push(...instructions.map((text) => ({ text })))
  const turns = turnsOf(request.messages, leading, encoding)
  const conversation: Conversation = { contents: [] }
  if (system.length > 0 && encoding.capabilities.systemRole === 'first-user') prepend(turns, system, encoding)
  else if (system.length > 0) conversation.systemInstruction = { parts: system }
  closeEnds(turns, encoding)
  conversation.contents = answered(turns, encoding)
  for (const content of conversation.contents) if (content.role === 'model') sign(content, encoding)
  return conversation
}

function leadingSystem(messages: readonly Message[]): number {
  const first = messages.findIndex((message) => message.role !== 'system')
  return first < 0 ? messages.length : first
}

function systemParts(messages: readonly Message[], encoding: Encoding): JsonObject[] {
  return messages.flatMap((message, index) =>
    message.content.flatMap((block, position) => {
      const text = systemText(block, `messages[${index}].content[${position}]`, encoding)
      return text === undefined ? [] : [{ text }]
    }),
  )
}

/** For models without system instructions: before the first user text. */
function prepend(turns: Turn[], system: JsonObject[], { losses }: Encoding): void {
  losses.approximate('messages[0]', 'the model has no system instructions: sent before the first user text')
  const text = system.map((part) => part['text']).join('\n\n')
  if (turns[0]?.role !== 'user') turns.unshift(emptyTurn('user'))
  turns[0]?.parts.unshift({ text: `${text}\n\n` })
}

/** The first and the last turn are the user's. */
function closeEnds(turns: Turn[], { capabilities, losses }: Encoding): void {
  const minimal = (): Turn => ({ ...emptyTurn('user'), parts: [{ text: FILLER }] })
  const first = turns[0]
  if (first?.role !== 'user') {
    losses.approximate('messages', `the upstream wants a user turn first: ${FILLER} was put there`)
    turns.unshift(minimal())
  }
  const last = turns[turns.length - 1]
  if (last?.role === 'model' && last.calls.length === 0 && !capabilities.prefill) {
    losses.approximate('messages', `the model continues no assistant turn: ${FILLER} was put after it`)
    turns.push(minimal())
  }
}

/** Each turn with calls is followed by exactly their responses, in order, then the user's other parts. */
function answered(turns: readonly Turn[], encoding: Encoding): WireContent[] {
  const contents: WireContent[] = []
  let pending: readonly PendingCall[] = []
  for (const turn of turns) {
    if (turn.role === 'model') contents.push({ role: 'model', parts: turn.parts })
    else contents.push({ role: 'user', parts: [...responses(pending, turn, encoding), ...turn.parts] })
    pending = turn.calls
  }
  if (pending.length > 0)
    contents.push({ role: 'user', parts: responses(pending, emptyTurn('user'), encoding) })
  return contents
}

function responses(calls: readonly PendingCall[], turn: Turn, encoding: Encoding): JsonObject[] {
  const waiting = resultsById(calls, turn, encoding)
  const after: JsonObject[] = []
  const parts = calls.map((call) => {
    const result = waiting.get(call.id)?.shift()
    if (!result) return missingResult(call, encoding)
    const encoded = encodeResult(result.block, call, result.path, encoding)
    after.push(...encoded.after)
    return encoded.response
  })
  const known = new Set(calls.map((call) => call.id))
  const orphans = turn.results.filter((result) => !known.has(result.block.callId))
  return [...parts, ...after, ...orphans.flatMap((result) => orphanText(result.block, result.path, encoding))]
}

/** Results by call id, in order; of too many for one id the last ones count (protocol.md §2.3). */
function resultsById(
  calls: readonly PendingCall[],
  turn: Turn,
  { losses }: Encoding,
): Map<string, Turn['results']> {
  const found = new Map<string, Turn['results']>()
  for (const { id } of calls) {
    if (found.has(id)) continue
    const wanted = calls.filter((call) => call.id === id).length
    const given = turn.results.filter((result) => result.block.callId === id)
    for (const extra of given.slice(0, -wanted))
      losses.drop(extra.path, 'a later result for the same call was sent')
    found.set(id, given.slice(-wanted))
  }
  return found
}

/**
 * The first call of a model turn carries its signature (protocol.md §2.8.4). One that came back on the thinking
 * before it (where clients without a place on calls keep it) returns to the call; the vendor's sentinel stands in
 * where signatures are demanded and none is known.
 */
function sign(content: WireContent, { capabilities }: Encoding): void {
  const position = content.parts.findIndex((part) => isObject(part['functionCall']))
  const call = content.parts[position]
  if (!call || call['thoughtSignature'] !== undefined) return
  const thought = content.parts
    .slice(0, position)
    .findLast(
      (part) => typeof part['text'] === 'string' && part['thought'] === true && part['thoughtSignature'],
    )
  if (thought) {
    call['thoughtSignature'] = thought['thoughtSignature']
    delete thought['thoughtSignature']
    if (thought['text'] === '') content.parts.splice(content.parts.indexOf(thought), 1)
  } else if (capabilities.thoughtSignatures) call['thoughtSignature'] = SIGNATURE_SENTINEL
}
