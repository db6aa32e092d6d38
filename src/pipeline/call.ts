import type { Snapshot } from '../config/snapshot.ts'
import type { ClientSide, Dialect } from '../protocol/dialects/dialect.ts'
import type { Dropped } from '../protocol/model/dropped.ts'
import type { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import type { Finish } from '../protocol/model/finish.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import type { Usage } from '../protocol/model/usage.ts'
import type { KeyRecord } from '../store/ports/keys.ts'
import type { Members } from './member-index.ts'
import type { Target } from './target.ts'

export type ClientDialect = Dialect & { client: ClientSide }

/**
 * What is kept of one try at one target: for the log, the usage rows, metrics and traces. Moments are on the clock that
 * never jumps (`performance.now()`).
 */
export interface AttemptRecord {
  /** `provider/model`. */
  target: string
  /** Name of the provider in the configuration, and the provider's own name of the model. */
  provider: string
  model: string
  /** Which of the provider's credentials was used; absent when it has one. */
  credential?: string
  startedAt: number
  /** When the request was handed to the upstream client; absent when it never was. */
  sentAt?: number
  /** When the status line of the answer was there. */
  answeredAt?: number
  /** Until the first content, or until it failed. */
  milliseconds: number
  /** Status of the upstream's answer; absent when there was none, or none over HTTP. */
  status?: number
  /** Why this target, in one word (`preferred`, `weight`, `sticky`, `fallback`, `retry`, `hedge`, `probe` …). */
  reason?: string
  /** How long was waited before it, for the sake of the upstream. */
  waitedMs?: number
  /** Another attempt was first with its content (hedging): this one was closed. */
  lost?: boolean
  error?: GatewayError
}

/** A target that was considered and not tried, and why, in one word (`circuit_open`, `cooling`, `not_permitted` …). */
export interface PassedOver {
  target: string
  reason: string
}

/**
 * Someone who looks on: metrics, traces, samples. What it does changes nothing about the call; it must not throw or
 * wait, and what it throws all the same is logged.
 */
export interface CallObserver {
  /** A call is known, and nothing was done for it yet: the place to add taps or `call.capture`. */
  begun?(call: Call): void
  /** Everything is over and the record is complete. `milliseconds`: how long the call took. */
  ended?(call: Call, milliseconds: number): void
  /** A request that never became a call. */
  refused?(refusal: Refusal): void
}

/** Who wants to see what goes up and comes down, byte by byte; only when it is switched on. Must not throw or wait. */
export interface Capture {
  request(attempt: AttemptRecord, body: string | Uint8Array): void
  /** Every read of the answer; the bytes are only valid during the call. */
  response(attempt: AttemptRecord, bytes: string | Uint8Array): void
}

/** A call that is traced: says so to its upstreams. */
export interface CallTrace {
  /** 32 hexadecimal digits; absent when nothing of it will be sent anywhere. */
  readonly traceId?: string
  /** Called for every request that goes up, with its URL; the headers are sent along. Must not throw or wait. */
  sent(attempt: AttemptRecord | undefined, url: string): Readonly<Record<string, string>>
}

/** Who calls. In open mode everyone without a key is the tenant `open`. */
export interface Identity {
  readonly tenant: string
  readonly key?: KeyRecord
}

/** A request that was refused before it was a call: its body was too large, no JSON, or asked for what cannot be. */
export interface Refusal {
  readonly requestId: string
  readonly identity: Identity
  /** As in `CallRecord`. */
  readonly endpoint: string
  /** On the clock that never jumps. */
  readonly startedAt: number
  readonly error: GatewayError
  readonly headers?: Headers
  /** What the client saw; 499 when it left. */
  readonly status: number
  readonly endedBy: 'client' | 'gateway'
}

/** Everything known about a call, filled in as it happens; logs, metrics and usage are made from it after the end. */
export interface CallRecord {
  /** Public route: `chat.completions`, `messages`, `messages.count_tokens`. */
  endpoint: string
  model: string
  stream: boolean
  provider?: string
  target?: string
  attempts: AttemptRecord[]
  /** Targets that were left out, in the order in which they were met. */
  passedOver?: PassedOver[]
  /** Where it could have gone, in the order in which targets were to be tried, when the model has several. */
  considered?: readonly Target[]
  /** What chose the first target (`order`, `weight`, `latency`, `price`, `sticky`), when the model has several. */
  balance?: string
  /** Milliseconds spent in the queue for a place. */
  queuedMs?: number
  usage?: Usage
  finish?: Finish
  dropped: readonly Dropped[]
  /** Milliseconds from the start to the first content for the client. */
  firstByteMs?: number
  bytesSent: number
  status?: number
  error?: GatewayError
  /** What the call cost, in picodollars (10⁻¹² US dollars); absent when the model has no price. */
  cost?: bigint
  /** The answer came from an earlier call (idempotency): nothing was used. */
  replay?: boolean
  /** Who ended it: the answer was complete, the client left, an upstream or the gateway failed. */
  endedBy?: 'complete' | 'client' | 'upstream' | 'gateway'
}

/** One client request and all it caused. */
export interface Call {
  readonly id: string
  readonly client: ClientDialect
  /** The body as the client sent it, and where its top-level members stand; empty once a stream has begun. */
  body: Uint8Array
  members: Members
  /** The request as decoded, with the configuration's defaults. */
  request: ChatRequest
  /** The request with reasoning state that the client dropped, when some is known. */
  restored?: ChatRequest | undefined
  readonly headers: Headers
  /** The configuration this call began with: it keeps it to the end. */
  readonly snapshot: Snapshot
  /** Every upstream exchange obeys it: aborted when the client leaves, or some time after when `readsOn`. */
  readonly signal: AbortSignal
  /** Aborted when the client leaves, at once. */
  readonly left: AbortSignal
  /** The upstream is read on after the client left, to learn what it charges (`usage.on_disconnect = "drain"`). */
  readonly readsOn: boolean
  readonly identity: Identity
  readonly tenant: string
  /** Losses refuse the request instead of being reported. */
  readonly strict: boolean
  readonly startedAt: number
  /** Takes secrets out of an upstream's words before anyone else reads them (promise M4). */
  scrub(text: string): string
  readonly record: CallRecord
  /** The attempt that is under way; set by the attempt policy. */
  attempt?: AttemptRecord
  /** Absent unless somebody wants to see the bytes. */
  capture?: Capture
  /** Absent unless the call is traced. */
  trace?: CallTrace
  /** Called with every batch of events, in order, before the client sees it. Must not throw or wait. */
  readonly taps: ((events: readonly AnswerEvent[]) => void)[]
  /**
   * Run once when everything is over, before the log line: after the last byte, when the client left, after an error.
   * The record is complete then. In the order they were added; must not throw or wait.
   */
  readonly ends: (() => void)[]
  /** What accounting keeps of it; nobody else looks into it. */
  account?: object
  /** Headers that policies add to the answer, whatever it is. */
  readonly replyHeaders: Record<string, string>
  /** Ordered by preference; filled by the route policy. */
  targets: readonly Target[]
}

const nothing = new Uint8Array(0)
const noMembers: Members = new Map()

/**
 * Once an answer has begun nothing is sent again: its request's bytes need not be held for as long as it lasts, which
 * with the prompt of an agent is most of a stream's memory.
 */
export function releaseBody(call: Call): void {
  call.body = nothing
  call.members = noMembers
  call.restored = undefined
}

/** The rest of a streamed answer, pulled by the endpoint: one upstream read gives one chunk. */
export interface StreamBody {
  /** Text or bytes for the client; undefined at the end. Never rejects: errors are in the stream already. */
  next(): Promise<string | Uint8Array | undefined>
  /**
   * The client left, or the gateway gives up: closes the upstream. A promise when the upstream is read on first: it
   * resolves when that is over, and a second call ends it at once.
   */
  cancel(): Promise<void> | void
}

export interface Reply {
  status: number
  headers: Record<string, string>
  body: string | Uint8Array | StreamBody
}

/** Headers of every streamed answer: nothing on the way may keep or gather it. */
export const streamHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
}

export function isStream(body: Reply['body']): body is StreamBody {
  return typeof body === 'object' && 'next' in body
}

export type Handler = (call: Call) => Promise<Reply>

/** A step around the call: may answer itself, change what it hands on, or look at what comes back. */
export type Policy = (next: Handler) => Handler

/** The first policy is the outermost. */
export function compose(policies: readonly Policy[], last: Handler): Handler {
  return policies.reduceRight((next, policy) => policy(next), last)
}
