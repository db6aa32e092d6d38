import { type Bench, noFailures } from '../bench.ts'
import { OpenLoop } from '../load.ts'
import type { RequestShape, Target } from '../targets.ts'

/** Two windows of one target and two of the direct way at the same rate, in the order A B B A. */
interface Paired {
  target: number[]
  direct: number[]
  /** Of one request of the target. */
  cpuMicroseconds: number
  /** Share of the requests the rig itself sent more than 0.2 ms late. */
  lateShare: number
}

const LATE_MILLISECONDS = 0.2

export async function pairedWindows(
  bench: Bench,
  target: Target,
  direct: Target,
  options: { shape: RequestShape; rate: number; seconds: number; moment: 'first-content' | 'end' },
): Promise<Paired> {
  const result: Paired = { target: [], direct: [], cpuMicroseconds: 0, lateShare: 0 }
  let cpu = 0
  let completed = 0
  let late = 0
  let sent = 0
  for (const side of [direct, target, target, direct]) {
    const load = new OpenLoop(bench.rig.ticker, bench.rig.load(side, options.shape), options.moment)
    await load.start(options.rate)
    await Bun.sleep(bench.scale.settleSeconds * 1000)
    load.reset()
    const window = await bench.rig.window(side, options.seconds)
    const { latencies } = load
    load.stop()
    noFailures(side, `${Math.round(options.rate)} requests a second`, load)
    result[side === direct ? 'direct' : 'target'].push(...latencies)
    late += load.lateness.filter((milliseconds) => milliseconds > LATE_MILLISECONDS).length
    sent += load.lateness.length
    if (side === direct) continue
    cpu += window.cpuMicroseconds
    completed += load.completed
  }
  return { ...result, cpuMicroseconds: cpu / completed, lateShare: late / Math.max(1, sent) }
}
