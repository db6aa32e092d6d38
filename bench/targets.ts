import { agentPrompt, smallPrompt } from './bodies.ts'
import type { WireDialect } from './dialects.ts'
import type { ServerKind } from './servers.ts'

/** One way from a client to the scripted upstream. */
export interface Target {
  name: string
  server: ServerKind | 'direct'
  client: 'chat-completions' | 'messages'
  upstream: WireDialect
  model: string
}

/** Without the gateway one dialect is enough: the others' bytes are as long, and nobody reads them. */
const plain = { client: 'chat-completions', upstream: 'chat-completions', model: 'bench' } as const
const openai = { server: 'gateway', upstream: 'chat-completions', model: 'openai/bench' } as const
const anthropic = { server: 'gateway', upstream: 'messages', model: 'anthropic/claude-bench' } as const
const gemini = { server: 'gateway', upstream: 'generate-content', model: 'gemini/gemini-2.5-bench' } as const

/** The same as `chat`, with a key, every kind of limit, prices, journal and database. */
export const ACCOUNTS = 'chat with keys, limits, usage'

/** The same as `chat` with all that shows what happens switched off, and with all of it, and all of routing, on. */
export const UNWATCHED = 'chat with nothing watched'
export const WATCHED = 'chat with everything watched'

export const TARGETS: readonly Target[] = [
  { name: 'direct', server: 'direct', ...plain },
  { name: 'bare pipe', server: 'pipe', ...plain },
  { name: 'nginx', server: 'nginx', ...plain },
  { name: 'chat', client: 'chat-completions', ...openai },
  { name: ACCOUNTS, client: 'chat-completions', ...openai, server: 'accounts' },
  { name: UNWATCHED, client: 'chat-completions', ...openai, server: 'unwatched' },
  { name: WATCHED, client: 'chat-completions', ...openai, server: 'watched' },
  { name: 'messages', client: 'messages', ...anthropic },
  { name: 'chat → messages', client: 'chat-completions', ...anthropic },
  { name: 'messages → chat', client: 'messages', ...openai },
  { name: 'chat → generate-content', client: 'chat-completions', ...gemini },
  { name: 'messages → generate-content', client: 'messages', ...gemini },
]

export type Family = 'reference' | 'same dialect' | 'translated' | 'accounted' | 'watched'

export function family(target: Target): Family {
  if (target.server === 'accounts') return 'accounted'
  if (target.server === 'watched') return 'watched'
  if (target.server !== 'gateway') return 'reference'
  return target.client === target.upstream ? 'same dialect' : 'translated'
}

/** One way of each family, for what depends on whether a stream is translated and hardly on between what. */
export function representative(target: Target): boolean {
  return ['bare pipe', 'nginx', 'chat', 'messages → chat'].includes(target.name)
}

const PATHS = { 'chat-completions': '/v1/chat/completions', messages: '/v1/messages' } as const

export interface RequestShape {
  stream: boolean
  /** The prompt of a coding agent (100 KB) instead of a line of chat (1 KB). */
  agent?: boolean
}

/** The bytes a client of this target sends. */
export function requestBytes(target: Target, shape: RequestShape, headers = ''): Uint8Array {
  const prompt = shape.agent ? agentPrompt : smallPrompt
  const body = JSON.stringify({ model: target.model, ...prompt[target.client], stream: shape.stream })
  return new TextEncoder().encode(
    `POST ${PATHS[target.client]} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
      `${headers}content-length: ${body.length}\r\n\r\n${body}`,
  )
}
