/** A refusal or breakdown, before any vendor's wording of it. */
export interface Failure {
  status: number
  message: string
  path?: string
  code?: string
  retryAfterSeconds?: number
}

/** What the model does in answer to one request, before any vendor's encoding. */
export interface Performance {
  /** One a candidate. */
  takes: Take[]
  /** Absent: the wire reports no usage. */
  bill?: Bill
  /** The request fails: before the answer, as its first event, or after half of its events. */
  failure?: Failure & { when: 'before' | 'first' | 'middle' }
}

export interface Take {
  pieces: Piece[]
  finish: 'stop' | 'stop-sequence' | 'length' | 'tools' | 'refusal'
  stopSequence?: string
}

export type Piece =
  | { type: 'text'; text: string; whole?: boolean }
  /** `redacted`: only encrypted, where the dialect knows that; else ordinary thinking. */
  | { type: 'thinking'; text: string; redacted?: boolean }
  | { type: 'call'; name: string; arguments: Record<string, unknown> }
  | { type: 'refusal'; text: string }

/** Tokens. `input` is the whole prompt with both cache figures, `output` includes `reasoning`. */
export interface Bill {
  input: number
  cacheRead: number
  cacheWrite: number
  output: number
  reasoning: number
}

/** The rig's own measure: a token is four UTF-16 units. */
export function tokensOf(text: string): number {
  return Math.ceil(text.length / 4)
}
