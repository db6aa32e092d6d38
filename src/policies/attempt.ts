import type { ModelEntry } from '../config/snapshot.ts'
import type { Call, Policy } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { Deadline, limitOf } from './attempts/deadline.ts'
import { AttemptLoop } from './attempts/loop.ts'
import { wantsOnlyFirst } from './attempts/only-first.ts'
import { begin, fail, firstReason, succeed } from './attempts/records.ts'
import type { AttemptOutside } from './attempts/runner.ts'
import { Tried } from './attempts/tried.ts'

/**
 * Tries the targets in order, each with its own retries, until one gives its first content. Nothing is tried again
 * after that: the inner handler only throws before it. When all fail, the client gets the first target's error.
 *
 * Nearly every call is one try at the first target, and that is all that happens here; what goes beyond it is the
 * loop's (attempts/loop.ts).
 */
export const attempt =
  (outside: AttemptOutside): Policy =>
  (next) =>
  async (call) => {
    const targets = wantsOnlyFirst(call) ? call.targets.slice(0, 1) : call.targets
    const [target] = targets
    if (!target) throw new GatewayError('internal', 'The model has no route')
    const model = modelOf(call, target)
    const limitMs = limitOf(call, model)
    const hedge = targets.length > 1 ? model?.hedge : undefined
    const deadline = limitMs === undefined ? undefined : new Deadline(call, model, limitMs)
    let tried: Tried | undefined
    const { resilience, now } = outside
    const pass = deadline || hedge ? undefined : resilience.enter(target)
    if (pass && !('open' in pass)) {
      resilience.earn(target, call.snapshot.retry.budget)
      const record = begin(call, pass, firstReason(call), now())
      call.attempt = record
      if (targets !== call.targets || targets.length > 1 || pass.target !== target)
        call.targets = [pass.target]
      try {
        const reply = await next(call)
        succeed(call, pass, record, now())
        return reply
      } catch (thrown) {
        tried = new Tried(fail(pass, record, thrown, now()), pass)
      }
    }
    return new AttemptLoop(call, next, outside, { targets, deadline, hedge }).run(tried)
  }

/** Targets live as long as their configuration, so each is looked up once. */
const models = new WeakMap<Target, ModelEntry>()

function modelOf({ snapshot, request }: Call, target: Target): ModelEntry | undefined {
  const known = models.get(target)
  if (known) return known
  const found = snapshot.resolve(request.model)
  if (found) models.set(target, found)
  return found
}
