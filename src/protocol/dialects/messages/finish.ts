import type { Finish } from '../../model/finish.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import { isObject } from '../../model/json.ts'

/** protocol.md §2.12 */
const fromWire: ReadonlyMap<string, Finish['reason']> = new Map([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop-sequence'],
  ['max_tokens', 'length'],
  ['tool_use', 'tool-calls'],
  ['pause_turn', 'pause'],
  ['refusal', 'refusal'],
  ['model_context_window_exceeded', 'context-window'],
  ['compaction', 'stop'],
])

const toWire: Record<Finish['reason'], string> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  'context-window': 'model_context_window_exceeded',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
  other: 'end_turn',
}

/** Reads `{stop_reason, stop_sequence, stop_details}`; `toolCalls` is false when only the hidden JSON tool was called. */
export function decodeFinish(wire: JsonObject, jsonToolOnly: boolean): Finish {
  const raw = typeof wire.stop_reason === 'string' ? wire.stop_reason : undefined
  const known = raw === undefined ? undefined : fromWire.get(raw)
  const finish: Finish = { reason: known ?? 'other' }
  if (finish.reason === 'tool-calls' && jsonToolOnly) finish.reason = 'stop'
  if (raw !== undefined) finish.raw = raw
  if (typeof wire.stop_sequence === 'string') finish.stopSequence = wire.stop_sequence
  if (wire.stop_details !== undefined) finish.details = wire.stop_details
  if (isObject(wire.stop_details) && typeof wire.stop_details.explanation === 'string')
    finish.explanation = wire.stop_details.explanation
  return finish
}

/** What was said in the answer, as far as the stop reason depends on it. */
export interface Said {
  toolCalls: boolean
  refusal: boolean
}

/** The three members of an answer that say why it ended. Only members of the wire's own list come out. */
export function encodeFinish(
  finish: Finish | undefined,
  said: Said,
): { stop_reason: string; stop_sequence: string | null; stop_details: Json } {
  return {
    stop_reason: reasonOf(finish, said),
    stop_sequence: finish?.stopSequence ?? null,
    stop_details: detailsOf(finish),
  }
}

function reasonOf(finish: Finish | undefined, said: Said): string {
  const reason = finish?.reason ?? 'other'
  if (finish?.raw !== undefined && fromWire.get(finish.raw) === reason) return finish.raw
  if ((reason === 'stop' || reason === 'other') && said.toolCalls) return 'tool_use'
  if ((reason === 'stop' || reason === 'other') && said.refusal) return 'refusal'
  if (reason === 'tool-calls' && !said.toolCalls) return 'end_turn'
  return toWire[reason]
}

function detailsOf(finish: Finish | undefined): Json {
  if (isObject(finish?.details) && finish.details.type === 'refusal') return finish.details
  if (finish?.explanation !== undefined)
    return { type: 'refusal', category: null, explanation: finish.explanation }
  return null
}
