import type { Policy } from '../pipeline/call.ts'
import { LARGE_BYTES, nextTurn } from '../pipeline/turns.ts'

/** Between two policies that go through the whole of a large request, others get their turn (promise G6). */
export const turns: Policy = (next) => (call) =>
  call.body.length > LARGE_BYTES ? nextTurn().then(() => next(call)) : next(call)
