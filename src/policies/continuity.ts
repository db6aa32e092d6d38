import { type Call, isStream, type Policy, type Reply, type StreamBody } from '../pipeline/call.ts'
import { wantsState } from '../pipeline/request-body.ts'
import type { Block } from '../protocol/model/block.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { parseJson } from '../protocol/model/json.ts'
import type { Opaque } from '../protocol/model/origin.ts'
import type { ChatRequest, Message } from '../protocol/model/request.ts'
import type { Vault } from '../store/vault.ts'
import { targetsOf } from './route.ts'
import { markOf, TELLING_CHARACTERS, TextMark } from './text-mark.ts'
import { Turn } from './turn.ts'

/**
 * Keeps reasoning state over turns when the client cannot: after an answer, the turn's thinking and signatures are
 * remembered; before a request, turns that came back without them get them again, in `call.restored`. Encoders send
 * a value only to its maker, so what is restored can never reach another provider.
 */
export const continuity =
  (vault: Vault): Policy =>
  (next) =>
  (call) => {
    const turns = turnsWithoutState(call.request.messages)
    const proceed = (): Promise<Reply> => {
      call.restored = restore(call, turns, vault)
      const writes: Promise<void>[] = []
      call.taps.push(remember(call, vault, writes))
      return vault.isShared ? next(call).then((reply) => behind(writes, reply)) : next(call)
    }
    const loading = load(call, turns, vault)
    return loading ? loading.then(proceed) : proceed()
  }

/** Assistant turns that came back without opaque values: their places, and the keys they are kept under. */
function turnsWithoutState(messages: readonly Message[]): Map<number, string> {
  const turns = new Map<number, string>()
  messages.forEach((message, index) => {
    if (message.role !== 'assistant' || message.content.some(hasOpaque)) return
    const key = keyOf(message.content, visibleText(message.content), messages[index - 1])
    if (key !== undefined) turns.set(index, key)
  })
  return turns
}

/** What this process does not remember is fetched, if anything the call may be sent to could use it. */
function load(call: Call, turns: ReadonlyMap<number, string>, vault: Vault): Promise<void> | undefined {
  if (!vault.load || turns.size === 0) return undefined
  const unknown = [...turns.values()].filter((key) => !vault.get(call.tenant, key))
  if (unknown.length === 0 || !mayUseState(call)) return undefined
  return vault.load(call.tenant, unknown)
}

function mayUseState(call: Call): boolean {
  try {
    return targetsOf(call).some(
      (target) => target.dialect !== undefined && wantsState(call, target, target.dialect),
    )
  } catch {
    // A name that is not served: the route policy says so.
    return false
  }
}

/** The request with the state its turns have lost; undefined when nothing is known to be missing. */
function restore(call: Call, turns: ReadonlyMap<number, string>, vault: Vault): ChatRequest | undefined {
  if (turns.size === 0) return undefined
  let changed = false
  const messages = call.request.messages.map((message, index) => {
    const key = turns.get(index)
    const kept = key === undefined ? undefined : vault.get(call.tenant, key)
    if (!kept || (!kept.some(hasOpaque) && message.content.some(isThinking))) return message
    changed = true
    return { ...message, content: restored(message.content, kept) }
  })
  return changed ? { ...call.request, messages } : undefined
}

/** The turn as the client has it, with the kept thinking in its places and the kept signatures on its blocks. */
function restored(content: readonly Block[], kept: readonly Block[]): Block[] {
  const visible = content.filter((block) => !isThinking(block))
  const shapes = kept.filter((block) => !isThinking(block))
  const same = shapes.length === visible.length && shapes.every((shape, at) => isSame(shape, visible[at]))
  return same ? inPlace(visible, kept) : inFront(visible, kept)
}

function isSame(shape: Block, block: Block | undefined): boolean {
  return shape.type === block?.type && (block.type !== 'tool-call' || block.id === callId(shape))
}

/** Block by block: thinking stands where it stood. */
function inPlace(visible: readonly Block[], kept: readonly Block[]): Block[] {
  let next = 0
  return kept.map((block) => {
    if (isThinking(block)) return block
    const own = visible[next] as Block
    next += 1
    return withSignature(own, signatureOf(block))
  })
}

/** The client has merged or moved blocks: thinking stands first, signatures go to their calls and the last text. */
function inFront(visible: readonly Block[], kept: readonly Block[]): Block[] {
  const ofCalls = new Map(kept.map((block) => [callId(block), signatureOf(block)]))
  const ofText = kept.filter((block) => block.type === 'text').findLast(hasOpaque)
  const lastText = visible.findLast((block) => block.type === 'text')
  return [
    ...kept.filter(isThinking),
    ...visible.map((block) => {
      if (block.type === 'tool-call') return withSignature(block, ofCalls.get(block.id))
      return block === lastText ? withSignature(block, ofText && signatureOf(ofText)) : block
    }),
  ]
}

function withSignature(block: Block, signature: Opaque | undefined): Block {
  const carries = block.type === 'text' || block.type === 'tool-call'
  return carries && signature ? { ...block, signature } : block
}

function signatureOf(block: Block): Opaque | undefined {
  return block.type === 'text' || block.type === 'tool-call' ? block.signature : undefined
}

function callId(block: Block): string | undefined {
  return block.type === 'tool-call' ? block.id : undefined
}

function isThinking(block: Block): boolean {
  return block.type === 'thinking'
}

function hasOpaque(block: Block): boolean {
  if (block.type === 'thinking') return block.opaque !== undefined && block.opaque.length > 0
  return signatureOf(block) !== undefined
}

/** An id that ends like this is not given twice; shorter ones are often counted from zero in every conversation. */
const telling = /[A-Za-z0-9]{12}$/

/** What a client sends back unchanged: the first call, or the whole visible text. */
function keyOf(blocks: readonly Block[], text: TextMark, before: Message | undefined): string | undefined {
  const call = blocks.find((block) => block.type === 'tool-call')
  if (call) return `call:${call.name}:${call.id}:${telling.test(call.id) ? '' : compact(call.arguments)}`
  if (text.length === 0) return undefined
  // A shorter one is said in many conversations: what it answered belongs to its key.
  const asked = text.length < TELLING_CHARACTERS ? visibleText(before?.content ?? []) : ''
  return `text:${text}:${asked}`
}

/** Arguments without the white space of whoever wrote them. */
function compact(text: string): string {
  const parsed = parseJson(text)
  return markOf(parsed === undefined ? text : JSON.stringify(parsed))
}

function visibleText(blocks: readonly Block[]): TextMark {
  const text = new TextMark()
  for (const block of blocks) if (block.type === 'text') text.add(block.text)
  return text
}

/** A tap that reads the answer, and keeps its turn when that has state and is complete. */
function remember(
  call: Call,
  vault: Vault,
  writes: Promise<void>[],
): (events: readonly AnswerEvent[]) => void {
  const turn = new Turn()
  const before = call.request.messages.at(-1)
  return (events) => {
    if (turn.complete) return
    turn.push(events)
    if (!turn.complete) return
    for (const { blocks, text } of turn.candidates) {
      const key = keyOf(blocks, text, before)
      if (key !== undefined && blocks.some((block) => isThinking(block) || hasOpaque(block)))
        note(writes, vault.put(call.tenant, key, blocks.flatMap(skeleton)))
    }
  }
}

function note(writes: Promise<void>[], write: Promise<void> | void): void {
  if (write) writes.push(write)
}

/** The end of an answer goes out when its turn can be found by whoever is sent it back, which may be another replica. */
function behind(writes: readonly Promise<void>[], reply: Reply): Reply | Promise<Reply> {
  const { body } = reply
  if (!isStream(body)) return writes.length === 0 ? reply : Promise.all(writes).then(() => reply)
  const held: StreamBody = {
    next: () =>
      body.next().then((chunk) => (writes.length === 0 ? chunk : Promise.all(writes).then(() => chunk))),
    cancel: () => body.cancel(),
  }
  return { ...reply, body: held }
}

/** Thinking as it is, of visible blocks only what the client lacks: their order and their signatures. */
function skeleton(block: Block): Block[] {
  switch (block.type) {
    case 'thinking':
      return [block]
    case 'text':
      return [{ type: 'text', text: '', ...(block.signature ? { signature: block.signature } : {}) }]
    case 'tool-call':
      return [{ ...block, arguments: '' }]
    case 'refusal':
      return [{ type: 'refusal', text: '' }]
    default:
      return []
  }
}
