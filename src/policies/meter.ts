import type { Policy } from '../pipeline/call.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { mergeUsage } from '../protocol/model/usage.ts'

/** Reads along: usage and finish go into the call's record, whatever becomes of the answer. */
export const meter: Policy = (next) => (call) => {
  const { record } = call
  call.taps.push((events: readonly AnswerEvent[]) => {
    for (const event of events) {
      if (event.type === 'usage') record.usage = mergeUsage(record.usage, event.usage)
      else if (event.type === 'answer-end') record.finish = event.finishes[0]
    }
  })
  return next(call)
}
