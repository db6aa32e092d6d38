import type {
  Block,
  MediaBlock,
  RefusalBlock,
  ThinkingBlock,
  ToolCallBlock,
  ToolResultBlock,
} from '../../model/block.ts'
import type { JsonObject } from '../../model/json.ts'
import { at } from '../../model/read.ts'
import type { Message } from '../../model/request.ts'
import { systemReminder } from '../../model/stand-in.ts'
import { encodeCalls } from './calls-encode.ts'
import { contentOf, encodeParts, type Placed, placed } from './content-encode.ts'
import { giveBack, noteOf } from './extensions.ts'
import { encodeMedia } from './media-encode.ts'
import { isThinkingPart, writeReplay } from './replay.ts'
import type { Scope } from './scope.ts'
import { encodeToolResult } from './tool-result.ts'
import { DIALECT } from './wire.ts'

/**
 * The history on this wire: roles, tool messages, and what must stand elsewhere than where the client put it. An
 * instruction of ours joins the system message that stands first.
 */
export function encodeMessages(scope: Scope, instruction: string | undefined): JsonObject[] {
  const history = new History(scope)
  const [first] = scope.request.messages
  const told: Block[] = instruction === undefined ? [] : [{ type: 'text', text: instruction }]
  if (told.length > 0 && first?.role !== 'system') history.add({ role: 'system', content: told }, 'format')
  scope.request.messages.forEach((message, index) => {
    const isHost = index === 0 && message.role === 'system'
    const whole = isHost ? { ...message, content: [...message.content, ...told] } : message
    history.add(whole, at('messages', index))
  })
  return history.end()
}

class History {
  readonly #scope: Scope
  readonly #out: JsonObject[] = []
  /** User messages that wait until all tool messages of a turn are written: nothing may stand between those. */
  #waiting: JsonObject[] = []
  /** System texts that go into the next user message. */
  #prefix: JsonObject[] = []
  #isLeading = true
  readonly #toolNames = new Map<string, string>()

  constructor(scope: Scope) {
    this.#scope = scope
  }

  add(message: Message, path: string): void {
    if (message.role === 'system') this.#system(message, path)
    else if (message.role === 'assistant') this.#assistant(message, path)
    else this.#user(message, path)
    if (message.role !== 'system') this.#isLeading = false
  }

  end(): JsonObject[] {
    this.#flush()
    if (this.#prefix.length > 0) this.#push({ role: 'user', content: contentOf(this.#prefix, this.#scope) })
    this.#warnOfPrefill()
    return this.#out
  }

  #push(wire: JsonObject): void {
    this.#flush()
    this.#out.push(wire)
  }

  #flush(): void {
    this.#out.push(...this.#waiting)
    this.#waiting = []
  }

  #system(message: Message, path: string): void {
    const { capabilities, losses } = this.#scope
    const parts = encodeParts(placed(message.content, path), this.#scope)
    if (parts.length === 0) return
    if (capabilities.systemRole === 'first-user') {
      losses.approximate(path, 'the upstream knows no system role: the text goes into a user message')
      this.#prefix.push(...parts)
    } else if (!this.#isLeading && !capabilities.systemAnywhere) {
      losses.approximate(path, 'the upstream takes system messages only at the beginning')
      this.#waiting.push({ role: 'user', content: contentOf(reminder(parts), this.#scope) })
    } else this.#push(this.#plain(capabilities.systemRole, message, parts))
  }

  #plain(role: string, message: Message, parts: JsonObject[]): JsonObject {
    const wire: JsonObject = { role, content: contentOf(parts, this.#scope) }
    if (message.name !== undefined) wire['name'] = message.name
    return giveBack(wire, message.extensions)
  }

  #user(message: Message, path: string): void {
    const blocks = placed(message.content, path)
    const others = blocks.filter(({ block }) => block.type !== 'tool-result')
    for (const { block, path: here } of blocks)
      if (block.type === 'tool-result') this.#toolResult(block, here)
    if (others.length === 0 && blocks.length > 0) return
    const parts = [...this.#prefix, ...encodeParts(others, this.#scope)]
    this.#prefix = []
    this.#push(this.#plain('user', message, parts))
  }

  #toolResult(block: ToolResultBlock, path: string): void {
    const name = block.name ?? this.#toolNames.get(block.callId)
    const { wire, moved } = encodeToolResult(block, path, name, this.#scope)
    this.#out.push(wire)
    if (moved) this.#waiting.push(moved)
  }

  #assistant(message: Message, path: string): void {
    const sorted = sort(placed(message.content, path), this.#scope)
    const parts = encodeParts(sorted.content, this.#scope)
    const calls = encodeCalls(sorted.calls, this.#scope)
    for (const { block } of sorted.calls) this.#toolNames.set(block.id, block.name)
    const isBare = parts.length === 0 && (calls.length > 0 || sorted.refusals.length > 0)
    const wire: JsonObject = { role: 'assistant', content: isBare ? null : contentOf(parts, this.#scope) }
    if (message.name !== undefined) wire['name'] = message.name
    if (sorted.refusals.length > 0) wire['refusal'] = sorted.refusals.map(({ block }) => block.text).join('')
    if (sorted.images.length > 0) wire['images'] = sorted.images
    writeReplay(wire, sorted.thoughts, calls.length > 0, this.#scope)
    if (calls.length > 0) wire['tool_calls'] = calls
    this.#push(giveBack(wire, message.extensions))
  }

  #warnOfPrefill(): void {
    const { request, capabilities, losses } = this.#scope
    const last = request.messages.at(-1)
    if (last?.role !== 'assistant' || capabilities.prefill) return
    losses.approximate(
      `messages[${request.messages.length - 1}]`,
      'the upstream does not continue an unfinished answer',
    )
  }
}

/** A system text that stands where only users may speak (protocol.md §2.2). */
function reminder(parts: JsonObject[]): JsonObject[] {
  const text = parts.map((part) => part['text']).join('\n\n')
  return [{ type: 'text', text: systemReminder(text) }]
}

interface Sorted {
  thoughts: ThinkingBlock[]
  content: Placed[]
  refusals: Placed<RefusalBlock>[]
  images: JsonObject[]
  calls: Placed<ToolCallBlock>[]
}

/** An assistant message's blocks by the member of the wire that holds them. */
function sort(blocks: readonly Placed[], scope: Scope): Sorted {
  const sorted: Sorted = { thoughts: [], content: [], refusals: [], images: [], calls: [] }
  for (const { block, path } of blocks) {
    if (isThinkingPart(block, scope)) sorted.content.push({ block, path })
    else if (block.type === 'thinking') sorted.thoughts.push(block)
    else if (block.type === 'tool-call') sorted.calls.push({ block, path })
    else if (isRefusalField(block)) sorted.refusals.push({ block, path })
    else if (block.type === 'unknown' && block.dialect !== DIALECT)
      scope.losses.drop(path, `what ${block.dialect} alone knows of an earlier answer cannot be sent`)
    else if (block.type === 'media') sorted.images.push(...imageOf(block, path, scope))
    else sorted.content.push({ block, path })
  }
  return sorted
}

function isRefusalField(block: Block): block is RefusalBlock {
  return block.type === 'refusal' && noteOf(block.extensions, 'part') !== 'refusal'
}

/** Only images of earlier answers have a place in an assistant message (protocol.md §5.2). */
function imageOf(block: MediaBlock, path: string, scope: Scope): JsonObject[] {
  if (noteOf(block.extensions, 'part') !== 'images' || !scope.capabilities.images) {
    scope.losses.drop(path, `the upstream takes no ${block.kind} in an assistant message`)
    return []
  }
  const part = encodeMedia(block, path, scope)
  return part ? [giveBack(part, block.extensions)] : []
}
