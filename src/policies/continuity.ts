import { createHash } from 'node:crypto'
import type { Call, Policy } from '../pipeline/call.ts'
import type { Block } from '../protocol/model/block.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { Fold } from '../protocol/model/fold.ts'
import type { ChatRequest, Message } from '../protocol/model/request.ts'
import type { Vault } from '../store/vault.ts'

/**
 * Keeps reasoning state over turns when the client cannot: after an answer, the turn's thinking and signatures are
 * remembered; before a request, turns that came back without them get them again, in `call.restored`. Encoders send
 * a value only to its maker, so what is restored can never reach another provider.
 */
export const continuity =
  (vault: Vault): Policy =>
  (next) =>
  (call) => {
    call.restored = restore(call, vault)
    call.taps.push(remember(call, vault))
    return next(call)
  }

/** The request with the state its turns have lost; undefined when nothing is known to be missing. */
function restore(call: Call, vault: Vault): ChatRequest | undefined {
  let changed = false
  const messages = call.request.messages.map((message) => {
    const restored = message.role === 'assistant' ? restoredTurn(message, call.tenant, vault) : undefined
    if (restored) changed = true
    return restored ?? message
  })
  return changed ? { ...call.request, messages } : undefined
}

function restoredTurn(message: Message, tenant: string, vault: Vault): Message | undefined {
  const { content } = message
  if (content.some(hasOpaque)) return undefined
  const key = keyOf(content)
  const kept = key === undefined ? undefined : vault.get(tenant, key)
  if (!kept || (!kept.some(hasOpaque) && content.some(isThinking))) return undefined
  const signatures = new Map(
    kept.flatMap((block) => (block.type === 'tool-call' ? [[block.id, block.signature] as const] : [])),
  )
  const visible = content.filter((block) => !isThinking(block))
  return {
    ...message,
    content: [...kept.filter(isThinking), ...visible.map((block) => signed(block, signatures))],
  }
}

type Signatures = ReadonlyMap<string, Extract<Block, { type: 'tool-call' }>['signature']>

function signed(block: Block, signatures: Signatures): Block {
  const signature = block.type === 'tool-call' ? signatures.get(block.id) : undefined
  return block.type === 'tool-call' && signature ? { ...block, signature } : block
}

function isThinking(block: Block): boolean {
  return block.type === 'thinking'
}

function hasOpaque(block: Block): boolean {
  if (block.type === 'thinking') return block.opaque !== undefined && block.opaque.length > 0
  return (block.type === 'tool-call' || block.type === 'text') && block.signature !== undefined
}

/** What a client sends back unchanged: the first call's id, else the whole visible text. */
function keyOf(blocks: readonly Block[]): string | undefined {
  for (const block of blocks) if (block.type === 'tool-call') return `call:${block.id}`
  const text = blocks.map((block) => (block.type === 'text' ? block.text : '')).join('')
  return text === '' ? undefined : `text:${createHash('sha256').update(text).digest('base64url')}`
}

/** A tap that folds the answer from its first state on, and keeps that state when the answer is complete. */
function remember(call: Call, vault: Vault): (events: readonly AnswerEvent[]) => void {
  let state: Fold | undefined
  return (events) => {
    if (!state && events.some(carriesState)) state = new Fold()
    state?.push(events)
    if (!state?.complete) return
    for (const { blocks } of state.answer.candidates) {
      const key = keyOf(blocks)
      const kept = blocks.filter(
        (block) => isThinking(block) || (block.type === 'tool-call' && hasOpaque(block)),
      )
      if (key !== undefined && kept.length > 0) vault.put(call.tenant, key, kept)
    }
    state = undefined
  }
}

function carriesState(event: AnswerEvent): boolean {
  return event.type === 'block-start' && (isThinking(event.block) || hasOpaque(event.block))
}
