import type { Block } from '../../protocol/model/block.ts'
import type { ChatRequest, Message, Tool } from '../../protocol/model/request.ts'

/** How much of each part counts, in characters: the work is the same for a prompt of a book and for one of a line. */
const MAXIMUM_CHARACTERS = 2_048
/** Messages and blocks that are looked at, and tools. */
const MAXIMUM_PARTS = 64
const MAXIMUM_TOOLS = 256

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
    bounded(system.join('\n')),
    `${tools.length} ${bounded(tools.slice(0, MAXIMUM_TOOLS).map(nameOf).join('\n'))}`,
    bounded(user ? textOf(user) : ''),
  ].join('\n\u0000')
}

function bounded(text: string): string {
  if (text.length <= MAXIMUM_CHARACTERS) return text
  const half = MAXIMUM_CHARACTERS / 2
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
  if (block.type === 'text') return bounded(block.text)
  if (block.type !== 'media') return block.type
  const { source } = block
  if (source.type === 'base64')
    return `${source.mediaType} ${source.data.length} ${source.data.slice(0, 256)}`
  return source.type === 'url' ? source.url.slice(0, 256) : source.type
}
