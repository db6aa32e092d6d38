import type { Finish } from '../../model/finish.ts'
import { isObject, type JsonObject } from '../../model/json.ts'
import { extensionsOf } from '../../model/origin.ts'
import { DIALECT } from './wire.ts'

type Outcome = Finish['reason'] | 'failed'

/**
 * `finishReason` → ours (protocol.md §2.12). `failed`: the model produced something the upstream could not use, so
 * without content it is an error worth another attempt, and with content an ordinary end.
 */
const outcomes: ReadonlyMap<string, Outcome> = new Map<string, Outcome>(
  Object.entries({
    STOP: 'stop',
    MAX_TOKENS: 'length',
    CONTINUATION: 'length',
    SAFETY: 'content-filter',
    RECITATION: 'content-filter',
    LANGUAGE: 'content-filter',
    BLOCKLIST: 'content-filter',
    PROHIBITED_CONTENT: 'content-filter',
    SPII: 'content-filter',
    IMAGE_SAFETY: 'content-filter',
    IMAGE_PROHIBITED_CONTENT: 'content-filter',
    IMAGE_RECITATION: 'content-filter',
    MALFORMED_FUNCTION_CALL: 'failed',
    UNEXPECTED_TOOL_CALL: 'failed',
    TOO_MANY_TOOL_CALLS: 'failed',
    MALFORMED_RESPONSE: 'failed',
    OTHER: 'failed',
    NO_IMAGE: 'failed',
    IMAGE_OTHER: 'failed',
    FINISH_REASON_UNSPECIFIED: 'failed',
  }),
)

export interface CandidateEnd {
  raw: string
  /** A function call was seen in any chunk. */
  called: boolean
  /** The candidate's members outside the model. */
  rest: JsonObject | undefined
}

/** True for reasons that leave nothing usable when no content came with them. */
export function isFailure(raw: string | undefined): boolean {
  return raw !== undefined && outcomes.get(raw) === 'failed'
}

export function finishOf(end: CandidateEnd): Finish {
  const outcome = outcomes.get(end.raw) ?? 'other'
  const calls = end.called && (outcome === 'stop' || outcome === 'failed')
  const reason = calls ? 'tool-calls' : outcome === 'failed' ? 'other' : outcome
  const message = end.rest?.['finishMessage']
  const extensions = extensionsOf(DIALECT, end.rest)
  return {
    reason,
    raw: end.raw,
    ...(reason === 'content-filter' && typeof message === 'string' ? { explanation: message } : {}),
    ...(extensions ? { extensions } : {}),
  }
}

/** The finish of a blocked prompt (no candidates, `promptFeedback.blockReason`); undefined when it is not blocked. */
export function blockedFinish(feedback: JsonObject | undefined): Finish | undefined {
  if (!isObject(feedback) || typeof feedback['blockReason'] !== 'string') return undefined
  const message = feedback['blockReasonMessage']
  return {
    reason: 'content-filter',
    raw: feedback['blockReason'],
    details: feedback,
    ...(typeof message === 'string' ? { explanation: message } : {}),
  }
}
