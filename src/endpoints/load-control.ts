import { LoopProbe } from '../platform/loop-probe.ts'
import { Admission } from './admission.ts'
import type { Gateway } from './gateway.ts'
import { Shedding } from './shedding.ts'

/** What keeps the gateway from taking more than it can do, on the real clocks. */
export function loadControl({
  snapshot,
  log,
}: Pick<Gateway, 'snapshot' | 'log'>): Pick<Gateway, 'admission' | 'shedding'> {
  const now = (): number => performance.now()
  const probe = new LoopProbe()
  return {
    admission: new Admission({
      limits: () => snapshot().limits,
      now,
      after(milliseconds, wake) {
        const timer = setTimeout(wake, milliseconds)
        return () => clearTimeout(timer)
      },
    }),
    shedding: new Shedding({
      limitMs: () => snapshot().limits.maxDelayMs,
      now,
      probe: (back) => probe.send(back),
      after: (milliseconds, wake) => void setTimeout(wake, milliseconds).unref(),
      afterTurn: (wake) => void setImmediate(wake),
      onChange(change) {
        if (change.overloaded)
          log.warn('overloaded: new calls are refused as far as there is no time for them')
        else
          log.info('no longer overloaded', {
            refused: change.refused,
            seconds: Math.round(change.milliseconds / 100) / 10,
          })
      },
    }),
  }
}
