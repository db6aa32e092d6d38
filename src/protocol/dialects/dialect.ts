import type { Answer } from '../model/answer.ts'
import type { Capabilities } from '../model/capabilities.ts'
import type { Dropped } from '../model/dropped.ts'
import type { GatewayError } from '../model/error.ts'
import type { AnswerEvent } from '../model/event.ts'
import type { JsonObject } from '../model/json.ts'
import type { Frame, Machine } from '../model/machine.ts'
import type { DialectName } from '../model/origin.ts'
import type { ChatRequest } from '../model/request.ts'
import type { Usage } from '../model/usage.ts'

/** What an encoder for a client needs to know beyond the answer. Time and ids come in: the protocol has no clock. */
export interface AnswerContext {
  /** The model name the client asked for: it sees this one back. */
  model: string
  /** Seconds since 1970, used when the upstream gave none. */
  created: number
  /** A fresh id without prefix (24 base62 characters), used when the upstream's id does not fit the dialect. */
  id: string
  /** The request as decoded. */
  request: ChatRequest
  /** Provider and model that answer, `anthropic/claude-sonnet-4-5`: written into opaque envelopes. */
  maker: string
  /** Our own estimate of the prompt's tokens, for dialects that must say it before the upstream does. */
  estimatedInputTokens: number
  /** Request id, for error bodies that carry one. */
  requestId: string
  /** Fail instead of leaving out content the client's dialect has no place for. */
  strict: boolean
}

/** The answer's side of what could not be carried to the client. */
export interface EncodedAnswer {
  body: JsonObject
  dropped: Dropped[]
}

/** A stream encoder: batches of events in, text for the client out, with what it had to leave out so far. */
export interface StreamEncoder {
  /** Text for these events, empty when they show nothing. One call per upstream read. */
  push(events: readonly AnswerEvent[]): string
  readonly dropped: readonly Dropped[]
}

/** We play the vendor's server: what clients speak. */
export interface ClientSide {
  /** Checks and decodes a body; throws `invalid_request` with the path of the offending field. */
  decodeRequest(body: JsonObject): ChatRequest
  encodeAnswer(answer: Answer, context: AnswerContext): EncodedAnswer
  encodeStream(context: AnswerContext): StreamEncoder
  /** Status and body for an error before the first byte. An upstream error of the same dialect passes unmodified. */
  encodeError(error: GatewayError, requestId: string): { status: number; body: JsonObject }
  /** The event that ends a stream which was already begun. */
  encodeStreamError(error: GatewayError, requestId: string): string
  /** Sent while the upstream is silent. */
  readonly keepAlive: string
  /** True when the wire names the model in every streamed event, absent when only in the first. */
  readonly modelInEveryEvent?: boolean
  /** The client's name for a member of `ChatRequest` (`topK` → `top_k`). */
  fieldName(member: string): string
  /** Deprecated names by their newer ones, for telling a client of the field that it did send. */
  readonly olderNames?: ReadonlyMap<string, string>
}

export interface EncodedRequest {
  body: JsonObject
  dropped: Dropped[]
}

/** What a decoder of answers needs to know. */
export interface DecodeContext {
  /** Fresh ids for calls the wire left without one; called rarely. */
  newId(): string
  /** Provider and model, `vendor/model`: the maker of opaque values. */
  maker: string
}

/** We play the vendor's client: what upstreams speak. */
export interface UpstreamSide {
  /** `model` is the upstream's own name; `maker` decides which opaque values may be sent. */
  encodeRequest(request: ChatRequest, target: UpstreamTarget): EncodedRequest
  /** A whole answer as events; throws a `GatewayError` when the body is an error or not an answer. */
  decodeAnswer(body: JsonObject, context: DecodeContext): AnswerEvent[]
  /** `end()` before the protocol's own end yields `answer-error`. Events after a terminal one are ignored. */
  decodeStream(context: DecodeContext): Machine<Frame, AnswerEvent>
  decodeError(status: number, body: string, headers: (name: string) => string | null): GatewayError
  /** The name this wire takes for a tool; a pure function of the name. Absent when it takes any. */
  wireToolName?(name: string): string
  /** The body that asks for a count of the prompt's tokens; absent when the wire has no such operation. */
  encodeCount?(request: ChatRequest, target: UpstreamTarget): EncodedRequest
  /** The number in the answer to `encodeCount`; undefined when it is not such an answer. */
  decodeCount?(body: JsonObject): number | undefined
}

export interface UpstreamTarget {
  model: string
  maker: string
  capabilities: Capabilities
  /** How documents the upstream cannot read are treated. */
  documentPolicy: 'reject' | 'passthrough' | 'text'
  /** Thinking budget → effort: the effort of the largest threshold not above the budget, else `low`. */
  thinkingMap: readonly { budget: number; effort: string }[]
}

export interface Dialect {
  name: DialectName
  client?: ClientSide
  upstream: UpstreamSide
  /** How this wire counts. */
  decodeUsage(wire: JsonObject): Usage
}
