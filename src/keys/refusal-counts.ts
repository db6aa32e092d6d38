import type { MirrorLog } from './key-mirror.ts'

export const refusalKinds = ['missing', 'unknown', 'disabled', 'expired', 'guessing'] as const
export type RefusalKind = (typeof refusalKinds)[number]

const PAUSE_MILLISECONDS = 60_000

/** How many callers were not let in, and why: for metrics, and a line in the log now and then instead of one for each. */
export class RefusalCounts {
  readonly #counts: Record<RefusalKind, number> = {
    missing: 0,
    unknown: 0,
    disabled: 0,
    expired: 0,
    guessing: 0,
  }
  #told: Readonly<Record<RefusalKind, number>> = { ...this.#counts }
  #toldAt = Number.NEGATIVE_INFINITY

  count(kind: RefusalKind): void {
    this.#counts[kind] += 1
  }

  all(): Readonly<Record<RefusalKind, number>> {
    return { ...this.#counts }
  }

  /** Says what came since the last line, at most once a minute and only when something did. */
  tellWhenDue(now: number, log: MirrorLog | undefined): void {
    if (log === undefined || now - this.#toldAt < PAUSE_MILLISECONDS) return
    const since = refusalKinds
      .map((kind): [RefusalKind, number] => [kind, this.#counts[kind] - this.#told[kind]])
      .filter(([, count]) => count > 0)
    if (since.length === 0) return
    this.#told = this.all()
    this.#toldAt = now
    log.warn('calls were refused for their API keys', Object.fromEntries(since))
  }
}
