import type { Fields } from '../json.ts'

/** What a test wants from a model, in words that belong to no SDK. Each client writes it the way its users do. */
export interface Ask {
  model: string
  system?: string
  tools?: readonly Tool[]
  /** `auto`, `required`, `none`, or the name of a tool. */
  toolChoice?: string
  /** Asks the model to think: by a budget or adaptively, where the client's dialect knows the difference. */
  thinking?: 'budget' | 'adaptive'
  schema?: Fields
  maxTokens?: number
  stop?: readonly string[]
  candidates?: number
}

export interface Tool {
  name: string
  description?: string
  parameters: Fields
}

export type UserPart =
  | { type: 'text'; text: string }
  | { type: 'image'; data: string }
  | { type: 'image-url'; url: string }
  | { type: 'pdf'; data: string }
  | { type: 'text-document'; text: string }
  | { type: 'audio'; data: string }

export interface PastCall {
  id: string
  name: string
  arguments: Record<string, unknown>
}

export interface ToolResult {
  callId: string
  text: string
  isError?: boolean
  /** PNG, base64. */
  image?: string
}

export const modes = ['whole', 'iterated', 'helper'] as const

/** `whole`: no stream. `iterated`: the SDK's plain stream. `helper`: the SDK's accumulating stream. */
export type Mode = (typeof modes)[number]

/** What the SDK's user sees of one answer. */
export interface Seen {
  model: string
  text: string
  thinking: string
  calls: { id: string; name: string; arguments: unknown }[]
  /** Finish of the first candidate, in the client's own word. */
  finish: string | null
  refusal?: string
  /** Texts of all candidates. */
  texts: string[]
  usage?: SeenUsage
}

/** In one way of counting: `input` with both cache figures, `output` with reasoning. */
export interface SeenUsage {
  input: number
  cacheRead: number
  cacheWrite: number
  output: number
}

/** What the SDK threw. */
export interface SeenError {
  name: string
  status?: number
  type?: string
  message: string
}

/** A conversation as the SDK's user keeps it: every answer goes into the history as the SDK gave it. */
export interface Session {
  user(...parts: UserPart[]): void
  results(...results: ToolResult[]): void
  /** An earlier assistant turn that this gateway never saw: calls made by another model, elsewhere. */
  recall(calls: readonly PastCall[]): void
  send(mode: Mode): Promise<Seen>
}

export interface Client {
  name: 'openai' | 'anthropic'
  open(ask: Ask): Session
  /** The thrown value of `send` in plain words; rethrows what is not an error of the SDK. */
  describe(error: unknown): SeenError
}

export interface Connection {
  /** The SDK's own base URL setting. */
  baseUrl: string
  apiKey: string
}
