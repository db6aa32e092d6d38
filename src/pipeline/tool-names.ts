import type { UpstreamSide } from '../protocol/dialects/dialect.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import type { Frame, Machine } from '../protocol/model/machine.ts'
import type { Tool } from '../protocol/model/request.ts'

/** Names of tools as sent up → as the client wrote them. Empty when the upstream takes all of them as they are. */
export type ReplacedNames = ReadonlyMap<string, string>

const NONE: ReplacedNames = new Map()

/** Which tools the encoder had to rename, because the upstream's pattern for names is narrower (protocol.md §2.5). */
export function replacedNames(tools: readonly Tool[] | undefined, upstream: UpstreamSide): ReplacedNames {
  const wireName = upstream.wireToolName
  if (!wireName || !tools) return NONE
  const replaced = new Map<string, string>()
  const written = new Set(tools.map((tool) => tool.name))
  for (const { name } of tools) {
    const sent = name === undefined ? undefined : wireName(name)
    if (name !== undefined && sent !== undefined && !written.has(sent)) replaced.set(sent, name)
  }
  return replaced
}

/** Calls under the names the client knows: all that follow (policies, encoders) see only those. */
export function withOwnNames(events: AnswerEvent[], names: ReplacedNames): AnswerEvent[] {
  return names.size === 0 ? events : events.map((event) => renamed(event, names))
}

function renamed(event: AnswerEvent, names: ReplacedNames): AnswerEvent {
  if (event.type !== 'block-start' || event.block.type !== 'tool-call') return event
  const name = names.get(event.block.name)
  return name === undefined ? event : { ...event, block: { ...event.block, name } }
}

/** A decoder whose calls carry the client's names. */
export function namingDecoder(
  decoder: Machine<Frame, AnswerEvent>,
  names: ReplacedNames,
): Machine<Frame, AnswerEvent> {
  if (names.size === 0) return decoder
  return {
    push: (frame) => withOwnNames(decoder.push(frame), names),
    end: () => withOwnNames(decoder.end(), names),
  }
}
