import type { ErrorKind } from '../../model/error.ts'
import type { Finish } from '../../model/finish.ts'
import type { JsonObject } from '../../model/json.ts'
import { defined, textOf } from '../../model/loose.ts'
import { keep } from './extensions.ts'
import { finishReasons, type WireFinish } from './wire.ts'

/** Finish reasons seen on this wire (protocol.md §2.12); some servers use words of other wires. */
const reasons: Record<string, Finish['reason']> = {
  stop: 'stop',
  eos: 'stop',
  eos_token: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop-sequence',
  length: 'length',
  model_length: 'length',
  max_tokens: 'length',
  tool_calls: 'tool-calls',
  tool_use: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'content-filter',
  sensitive: 'content-filter',
  refusal: 'refusal',
}

/** Finish reasons that say the answer failed. */
const failures: Record<string, ErrorKind> = {
  error: 'upstream_failed',
  abort: 'upstream_failed',
  network_error: 'upstream_failed',
  insufficient_system_resource: 'overloaded',
}

export function failureOf(raw: string): ErrorKind | undefined {
  return Object.hasOwn(failures, raw) ? failures[raw] : undefined
}

export function isKnownFinish(raw: string): boolean {
  return Object.hasOwn(reasons, raw)
}

/** What was seen of one candidate when it ended. */
export interface Seen {
  /** Absent when the wire named no reason but said that it was done. */
  raw: string | undefined
  calls: boolean
  refusal: boolean
  /** Members of the choice and the message that the model has no place for. */
  kept: JsonObject
}

export function decodeFinish(seen: Seen): Finish {
  const { raw, kept } = seen
  const named = raw === undefined ? 'stop' : isKnownFinish(raw) ? (reasons[raw] ?? 'other') : 'other'
  const stopSequence = textOf(kept['stop_reason']) || undefined
  const reason = reasonOf(named, seen, stopSequence !== undefined)
  return defined({ reason, raw, stopSequence, extensions: keep(kept) })
}

/**
 * Calls and refusals weigh more than the word: many servers say `stop` for both (§3, 32), and a client that is told
 * of calls waits for them.
 */
function reasonOf(named: Finish['reason'], seen: Seen, hasStopSequence: boolean): Finish['reason'] {
  if (named !== 'stop' && named !== 'other' && named !== 'tool-calls') return named
  if (seen.calls) return 'tool-calls'
  if (seen.refusal) return 'refusal'
  if (hasStopSequence) return 'stop-sequence'
  return named === 'tool-calls' ? 'stop' : named
}

const wireReasons: Record<Finish['reason'], WireFinish> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  'context-window': 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  refusal: 'content_filter',
  pause: 'stop',
  other: 'stop',
}

/** The legal word for a client; `calls` is how many calls it was shown. */
export function encodeFinish(finish: Finish, calls: number, isLegacy: boolean): WireFinish {
  const { reason, raw } = finish
  if (reason === 'refusal' && raw === 'stop') return 'stop'
  if (reason === 'tool-calls' && calls === 0) return 'stop'
  const isCalled = reason === 'tool-calls' || ((reason === 'stop' || reason === 'other') && calls > 0)
  if (isCalled) return isLegacy ? 'function_call' : 'tool_calls'
  return wireReasons[reason]
}

/** Why the answer was refused or blocked, where the upstream says it: a client reads it as the refusal (§2.11). */
export function explanationOf({ reason, explanation }: Finish): string | undefined {
  return reason === 'refusal' || reason === 'content-filter' ? explanation : undefined
}

/** The vendor's own word where the wire's differs: a member beside `finish_reason`, as routers show it (§2.12). */
export function nativeFinish(finish: Finish): JsonObject {
  const { raw } = finish
  if (raw === undefined || (finishReasons as readonly string[]).includes(raw)) return {}
  return { native_finish_reason: raw }
}
