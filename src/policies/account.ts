import type { Call, Policy } from '../pipeline/call.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { type Accounting, NOT_MADE } from '../usage/accounting.ts'

/** Around each attempt: it is written down before a byte goes to its target, so that no crash can hide it. */
export const account =
  (accounting: Accounting): Policy =>
  (next) =>
  (call) => {
    const [target] = call.targets
    if (!target) throw new Error('the attempt policy hands on one target')
    checkWanted(call)
    const written = accounting.attempt(call, target)
    if (!written) return next(call)
    return written.then(() => {
      checkWanted(call)
      return next(call)
    })
  }

/**
 * A client may leave, or the gateway give the call or the attempt up, while a limit, a key or the disk is waited for: then nothing is
 * asked of an upstream, and nothing is charged for it.
 */
function checkWanted({ left, signal, record }: Call): void {
  if (left.aborted || signal.aborted || record.status !== undefined)
    throw new GatewayError('client_closed', 'Nobody waits for the answer any more', { code: NOT_MADE })
}
