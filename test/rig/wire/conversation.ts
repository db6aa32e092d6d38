import type { Fields } from '../json.ts'

/** What the rig understood of a request, in words that belong to no vendor. The ledger keeps one for each request. */
export interface Conversation {
  model: string
  stream: boolean
  /** All system texts, joined by newlines. */
  system: string
  turns: Turn[]
  tools: { name: string; schema: Fields }[]
  /** `auto`, `none`, `required`, or the name of the one tool that must be called. */
  toolChoice: string
  /** JSON Schema of the wanted output; absent when free text is wanted. */
  schema?: Fields
  stop: string[]
  maxTokens?: number
  /** Number of answers wanted. */
  candidates: number
  /** Whether the request asks the model to think. */
  thinking: boolean
  /** Chat completions: `stream_options.include_usage`. */
  includeUsage: boolean
}

export interface Turn {
  role: 'user' | 'assistant'
  parts: Part[]
}

export type Part =
  | { type: 'text'; text: string }
  | Media
  | { type: 'call'; id: string; name: string; arguments: unknown; state?: State }
  | { type: 'result'; id: string; text: string; isError: boolean; media: Media[] }
  | { type: 'thinking'; text: string; state: State }

/** `base64` and `text` carry the payload itself in `value`, `url` the address. */
export interface Media {
  type: 'media'
  kind: 'image' | 'audio' | 'video' | 'document'
  form: 'base64' | 'url' | 'text'
  mediaType: string
  value: string
}

/**
 * Opaque reasoning state that came back with an earlier turn. `own`: this upstream made it. `sentinel`: the
 * documented stand-in. `foreign`: not ours, or altered. `missing`: the place is there, the state is not.
 */
export type State = 'own' | 'sentinel' | 'foreign' | 'missing'

export function lastAssistant(conversation: Conversation): Turn | undefined {
  return conversation.turns.findLast((turn) => turn.role === 'assistant')
}

/** Tool results that wait for an answer: those after the last assistant turn. */
export function pendingResults(conversation: Conversation): Extract<Part, { type: 'result' }>[] {
  const last = conversation.turns.findLastIndex((turn) => turn.role === 'assistant')
  return conversation.turns
    .slice(last + 1)
    .flatMap((turn) => turn.parts.filter((part) => part.type === 'result'))
}

export function allMedia(conversation: Conversation): Media[] {
  return conversation.turns.flatMap((turn) =>
    turn.parts.flatMap((part) => (part.type === 'media' ? [part] : part.type === 'result' ? part.media : [])),
  )
}

export function userTexts(conversation: Conversation): string[] {
  return conversation.turns
    .filter((turn) => turn.role === 'user')
    .flatMap((turn) => turn.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])))
}
