import type { Fields } from '../json.ts'
import type { Failure, Performance } from '../scene/performance.ts'
import type { Seal } from '../seal.ts'
import type { Conversation } from './conversation.ts'

/** One call as it arrived, after routing. */
export interface WireRequest {
  /** First segment of the path: `openai`, `anthropic`, `vertex` … */
  vendor: string
  /** From the path where the dialect puts it there, else from the body. */
  model: string
  stream: boolean
  path: string
  query: URLSearchParams
  /** First value of a header, by lower-case name. */
  header(name: string): string | undefined
  body: Fields
  seal: Seal
}

/** Why a request is refused: the vendor's own wording as far as it is known. */
export interface Problem {
  path: string
  message: string
  status?: number
  /** Chat completions: `error.code`. */
  code?: string
}

/** A rule of the vendor. The first problem that any rule finds is answered with 400. */
export type Rule = (request: WireRequest) => Iterable<Problem>

/** One event of a stream. `produced`: output tokens spent when it has been sent, for the bill of a broken stream. */
export interface WireEvent {
  text: string
  produced: number
}

/** What an encoder may use besides the performance. */
export interface Stage {
  request: WireRequest
  conversation: Conversation
  /** Number of this request in the ledger: makes ids unique. */
  serial: number
}

/** One upstream protocol, from the vendor's side. */
export interface WireDialect {
  read(request: WireRequest): Conversation
  rules: readonly Rule[]
  answer(performance: Performance, stage: Stage): Fields
  stream(performance: Performance, stage: Stage): WireEvent[]
  /** The status of an error answer, where it is not the failure's own. */
  status?(failure: Failure, vendor: string): number
  /** The body of an error answer, in the shape of this vendor. */
  error(failure: Failure, vendor: string): unknown
  /** The error as an event of a stream. */
  errorEvent(failure: Failure, vendor: string): string
  /** Headers that this vendor adds to answers. */
  headers(serial: number): [string, string][]
}
