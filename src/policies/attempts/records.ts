import { toGatewayError } from '../../pipeline/answer-reader.ts'
import type { AttemptRecord, Call } from '../../pipeline/call.ts'
import { GatewayError, isUpstreamFault } from '../../protocol/model/error.ts'
import type { Outcome, Pass } from '../../resilience/resilience.ts'
import { outcomeOf } from './table.ts'

/** An attempt begins: the call's record knows of it from now on. */
export function begin(call: Call, { target, probe }: Pass, reason: string, now: number): AttemptRecord {
  const record: AttemptRecord = {
    target: target.label,
    provider: target.settings.name,
    model: target.model,
    startedAt: now,
    milliseconds: 0,
    reason: probe ? 'probe' : reason,
  }
  if (target.credential) record.credential = target.credential.name
  call.record.attempts.push(record)
  return record
}

/** Why the first target is the first one. */
export function firstReason({ record }: Call): string {
  const { balance } = record
  return balance === undefined || balance === 'order' ? 'preferred' : balance
}

/** The first content is there: the pass is kept until the call is over. */
export function succeed(call: Call, pass: Pass, record: AttemptRecord, now: number): void {
  record.milliseconds = now - record.startedAt
  pass.end({ kind: 'success', firstContentMs: record.milliseconds })
  // The gateway gave it up meanwhile (drain): what waits for its end has run already.
  if (isEnded(call)) pass.release()
  else call.ends.push(() => conclude(call, pass))
}

function conclude({ record }: Call, pass: Pass): void {
  const { error, endedBy } = record
  if (error && endedBy === 'upstream' && isUpstreamFault(error)) pass.broke()
  pass.release()
}

export function fail(
  pass: Pass,
  record: AttemptRecord,
  thrown: unknown,
  now: number,
  outcome?: Outcome,
): GatewayError {
  const error = (record.error = toGatewayError(thrown))
  record.milliseconds = now - record.startedAt
  pass.end(outcome ?? outcomeOf(error))
  pass.release()
  return error
}

/** How an attempt ends when another one was first with its content. */
export const anotherWasFirst = new GatewayError('client_closed', 'Another attempt was first with its content')

/** Another attempt was first with its content: this one says nothing about its upstream. */
export function lose(pass: Pass, record: AttemptRecord, now: number): void {
  record.lost = true
  record.milliseconds = now - record.startedAt
  pass.end({ kind: 'neutral', error: anotherWasFirst })
  pass.release()
}

/** Nobody waits for the answer any more: the client left, or the gateway gave the call up. */
export function isUnwanted(call: Call): boolean {
  return call.signal.aborted || call.left.aborted || isEnded(call)
}

/** What stands in `call.ends` has run. */
function isEnded({ record }: Call): boolean {
  return record.status !== undefined
}
