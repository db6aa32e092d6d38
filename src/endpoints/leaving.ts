import type { Snapshot } from '../config/snapshot.ts'
import type { Call } from '../pipeline/call.ts'

/**
 * What a client's leaving means for its call. `cancel`: the upstream is closed at once. `drain`: it is read on, for as
 * long as configured, because most vendors charge for the whole answer and say how much only at its end.
 */
export function leaving(
  left: AbortSignal,
  { onDisconnect, drainSeconds }: Snapshot['usage'],
): Pick<Call, 'signal' | 'left' | 'readsOn'> {
  if (onDisconnect === 'cancel') return { signal: left, left, readsOn: false }
  const controller = new AbortController()
  const later = (): void => {
    setTimeout(() => controller.abort(left.reason), drainSeconds * 1_000).unref()
  }
  if (left.aborted) later()
  else left.addEventListener('abort', later, { once: true })
  return { signal: controller.signal, left, readsOn: true }
}
