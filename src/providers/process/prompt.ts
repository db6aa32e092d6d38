import type { Block } from '../../protocol/model/block.ts'
import { Losses } from '../../protocol/model/dropped.ts'
import type { ChatRequest, Message } from '../../protocol/model/request.ts'
import { takes } from './arguments.ts'
import type { ProcessSettings } from './settings.ts'

/** The text of a block on its way to a program that reads text; undefined for what has no text form. */
function blockText(block: Block): string | undefined {
  switch (block.type) {
    case 'text':
    case 'refusal':
      return block.text
    case 'tool-call':
      return `[tool call ${block.name} ${block.arguments}]`
    case 'tool-result':
      return `[tool result${block.isError ? ' (error)' : ''}] ${contentText(block.content)}`
    case 'media':
      return block.source.type === 'text' ? block.source.text : undefined
    case 'thinking':
    case 'unknown':
      return undefined
  }
}

function contentText(blocks: readonly Block[]): string {
  return blocks
    .map(blockText)
    .filter((text) => text !== undefined)
    .join('\n')
}

const labels = { system: 'System', user: 'User', assistant: 'Assistant' } as const

/**
 * The conversation as text. System texts come first and bare; a single user turn is bare too. A longer
 * conversation is written turn by turn with `User:` and `Assistant:` before each and a last `Assistant:` to be
 * continued. Parts are separated by an empty line.
 */
function promptText(messages: readonly Message[]): string {
  const turns = messages.filter((message) => message.role !== 'system')
  const system = messages
    .filter((message) => message.role === 'system')
    .map(({ content }) => contentText(content))
  const only = turns.length === 1 && turns[0]?.role === 'user' ? contentText(turns[0].content) : undefined
  if (only !== undefined) return [...system, only].join('\n\n')
  const written = turns.map(({ role, content }) => `${labels[role]}: ${contentText(content)}`)
  const open = turns.at(-1)?.role === 'assistant' ? [] : ['Assistant:']
  return [...system, ...written, ...open].join('\n\n')
}

/** One JSON object on one line: `{"model", "messages": [{"role", "content"}], "max_tokens"?, "temperature"?, …}`. */
function messagesJson(request: ChatRequest, model: string): string {
  const body = {
    model,
    messages: request.messages.map(({ role, content }) => ({ role, content: contentText(content) })),
    max_tokens: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    stop: request.stop,
    seed: request.seed,
  }
  return `${JSON.stringify(body)}\n`
}

/** What the child reads on its standard input. */
export function standardInput(request: ChatRequest, model: string, settings: ProcessSettings): string {
  return settings.input === 'messages-json' ? messagesJson(request, model) : promptText(request.messages)
}

/** Settings of a request that a command has no place for; those with a name in JSON are carried there. */
const settingsWithoutPlace = [
  'topK',
  'presencePenalty',
  'frequencyPenalty',
  'logitBias',
  'logprobs',
  'topLogprobs',
  'candidates',
  'reasoning',
  'format',
  'verbosity',
  'modalities',
  'audio',
  'webSearch',
  'parallelToolCalls',
  'serviceTier',
] as const satisfies readonly (keyof ChatRequest)[]

const settingsOnlyInJson = ['topP', 'stop', 'seed'] as const satisfies readonly (keyof ChatRequest)[]

/** What of a request does not reach the child. Only what is not said in its input or arguments is listed. */
export function processLosses(request: ChatRequest, settings: ProcessSettings): Losses {
  const losses = new Losses()
  const json = settings.input === 'messages-json'
  for (const member of settingsWithoutPlace)
    if (request[member] !== undefined) losses.drop(member, 'a local command has no such setting')
  if (!json) {
    for (const member of settingsOnlyInJson)
      if (request[member] !== undefined) losses.drop(member, 'the command reads plain text')
    lostArgument(losses, request.maxOutputTokens, 'maxOutputTokens', takes(settings.arguments, 'max_tokens'))
    lostArgument(losses, request.temperature, 'temperature', takes(settings.arguments, 'temperature'))
  }
  tools(losses, request)
  request.messages.forEach(({ content }, message) => {
    lostBlocks(losses, content, `messages[${message}].content`)
  })
  return losses
}

function lostArgument(losses: Losses, value: number | undefined, member: string, isTaken: boolean): void {
  if (value !== undefined && !isTaken) losses.drop(member, 'the configured command has no place for it')
}

function tools(losses: Losses, request: ChatRequest): void {
  if (!request.tools || request.tools.length === 0) return
  const { toolChoice } = request
  const isForced = toolChoice !== undefined && toolChoice.type !== 'auto' && toolChoice.type !== 'none'
  if (isForced) losses.refuse('toolChoice', 'a local command cannot call tools')
  else losses.drop('tools', 'a local command cannot call tools')
}

function lostBlocks(losses: Losses, blocks: readonly Block[], path: string): void {
  for (const [index, block] of blocks.entries()) {
    const at = `${path}[${index}]`
    if (block.type === 'tool-result') lostBlocks(losses, block.content, `${at}.content`)
    else if (blockText(block) !== undefined) continue
    else if (block.type === 'media') losses.refuse(at, `a local command reads text, no ${block.kind}`)
    else losses.drop(at, 'a local command reads text only')
  }
}
