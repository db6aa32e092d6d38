import type { Policy } from '../pipeline/call.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { Accounting } from '../usage/accounting.ts'

/** Around each attempt: it is written down before a byte goes to its target, so that no crash can hide it. */
export const account =
  (accounting: Accounting): Policy =>
  (next) =>
  (call) => {
    const [target] = call.targets
    if (!target) throw new Error('the attempt policy hands on one target')
    // It only waits to hear what an attempt costs that was made already.
    if (call.readsOn && call.left.aborted) throw new GatewayError('client_closed', 'The client left')
    const written = accounting.attempt(call, target)
    return written ? written.then(() => next(call)) : next(call)
  }
