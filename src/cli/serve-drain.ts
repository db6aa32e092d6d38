import type { Accounts } from '../accounts.ts'
import type { Snapshot } from '../config/snapshot.ts'
import type { Gateway } from '../endpoints/gateway.ts'
import type { Listener } from '../platform/serve.ts'
import type { Exports } from '../telemetry/exports.ts'
import type { Samples } from '../telemetry/samples/samples.ts'
import type { WorkerLink } from './worker-link.ts'

/** Exit code of a program that was interrupted, as shells count it. */
const INTERRUPTED = 130
const IMPATIENT_AFTER_MILLISECONDS = 500

/**
 * Resolves at the first order to stop. Service managers send it to the launcher and to us, so a second SIGTERM is the
 * same order once more; a second Ctrl-C comes from someone who does not want to wait for the drain.
 */
export function stopSignal(link: WorkerLink | undefined): Promise<void> {
  return new Promise((wake) => {
    let stoppingSince: number | undefined
    // Nobody would end a worker without its parent.
    link?.onLost(wake)
    process.on('SIGTERM', () => {
      stoppingSince ??= performance.now()
      wake()
    })
    process.on('SIGINT', () => {
      if (stoppingSince !== undefined && performance.now() - stoppingSince > IMPATIENT_AFTER_MILLISECONDS)
        process.exit(INTERRUPTED)
      stoppingSince ??= performance.now()
      wake()
    })
  })
}

/** How long streams that were ended by us may take to reach their clients. */
const LAST_WORDS_MILLISECONDS = 1_000
/** How long usage may take into the database at the end; what does not arrive waits in the journal. */
const FLUSH_MILLISECONDS = 1_500
/** How long a collector may take for the last traces and metrics. */
const EXPORT_MILLISECONDS = 1_000

/**
 * Not ready at once; new calls are refused, at once or when who deals them out had the time to notice; open streams
 * finish, and at the limit they end with an error.
 */
export async function drain(
  gateway: Gateway,
  { accounts, samples, exports }: { accounts: Accounts; samples: Samples | undefined; exports: Exports },
  listener: Listener,
  { drainNoticeSeconds, drainSeconds }: Snapshot['server'],
): Promise<void> {
  gateway.draining = true
  listener.closeKept()
  gateway.log.info('draining', { active: gateway.active.count, limit_seconds: drainSeconds })
  if (drainNoticeSeconds > 0) await new Promise((wake) => setTimeout(wake, drainNoticeSeconds * 1000))
  gateway.admission.drain()
  // The socket stays open meanwhile: /readyz says 503, new work is refused with words, not with a closed door.
  if (!(await gateway.active.drained(drainSeconds * 1000))) {
    gateway.log.warn('drain limit reached', { active: gateway.active.count })
    gateway.active.endAll()
    await gateway.active.drained(LAST_WORDS_MILLISECONDS)
  }
  listener.stopAccepting()
  // A call is over when its answer is handed to the runtime; the client has it when the runtime wrote it.
  await listener.written(LAST_WORDS_MILLISECONDS)
  listener.close()
  await Promise.all([
    accounts.stop(FLUSH_MILLISECONDS),
    within(samples?.stop(), FLUSH_MILLISECONDS),
    exports.stop(EXPORT_MILLISECONDS),
  ])
  gateway.log.info('stopped')
  await gateway.log.flush()
  process.exit(0)
}

/** Resolves with the work, or without it after the time. */
export async function within(work: Promise<void> | undefined, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((wake) => {
    timer = setTimeout(wake, milliseconds)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
