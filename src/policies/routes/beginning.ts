import type { Block } from '../../protocol/model/block.ts'
import type { ChatRequest, Message, Tool } from '../../protocol/model/request.ts'

/** How much of each part counts, in characters: the work is the same for a prompt of a book and for one of a line. */
const SYSTEM_CHARACTERS = 8_192
const TOOL_CHARACTERS = 4_096
const USER_CHARACTERS = 4_096
/** Messages and blocks that are looked at. */
const MAXIMUM_PARTS = 64

/**
 * The beginning of a prompt, which all turns of a conversation share and a provider's prompt cache keeps: system
 * messages, tools, and the first message of the user. Of a long part its beginning and its end count, and its length.
 */
export function beginningOf({ messages, tools = [] }: ChatRequest): string {
  const system: string[] = []
  for (const message of messages.slice(0, MAXIMUM_PARTS)) {
    if (message.role !== 'system') break
    system.push(textOf(message))
  }
  const user = messages.find(({ role }) => role === 'user')
  return [
    'beginning',
    bounded(system.join('\n'), SYSTEM_CHARACTERS),
    bounded(tools.map(nameOf).join('\n'), TOOL_CHARACTERS),
    bounded(user ? textOf(user) : '', USER_CHARACTERS),
  ].join('\n\u0000')
}

function bounded(text: string, characters: number): string {
  if (text.length <= characters) return text
  const half = characters / 2
  return `${text.slice(0, half)}\u0000${text.length}\u0000${text.slice(-half)}`
}

function nameOf(tool: Tool): string {
  return tool.type === 'provider' ? (tool.name ?? String(tool.wire['type'])) : tool.name
}

function textOf({ content }: Message): string {
  return content.slice(0, MAXIMUM_PARTS).map(blockText).join('\n')
}

/** Media count by their size and their first characters: they may be megabytes. */
function blockText(block: Block): string {
  if (block.type === 'text') return block.text
  if (block.type !== 'media') return block.type
  const { source } = block
  if (source.type === 'base64')
    return `${source.mediaType} ${source.data.length} ${source.data.slice(0, 256)}`
  return source.type === 'url' ? source.url.slice(0, 256) : source.type
}
