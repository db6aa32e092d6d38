import { type Bench, inRounds, type Measure } from '../bench.ts'
import { percentile } from '../statistics.ts'
import type { Target } from '../targets.ts'
import { pairedWindows } from './paired.ts'
import { maximum } from './requests.ts'

/** A rig that sends more than this share of its requests late blurs the 99th percentile. */
const LATE_SHARE = 0.02

/** Added latency at half of the target's own highest rate, beside a direct connection at the same rate. */
export const latency: Measure = {
  name: 'latency',
  async run(bench) {
    const { rounds, seconds } = bench.scale.latency
    const direct = directTarget(bench)
    return inRounds(bench, 'latency', rounds, async (target, into) => {
      if (target === direct) return
      const rate = (await highestRate(bench, target)) / 2
      const pair = await pairedWindows(bench, target, direct, {
        shape: { stream: false },
        rate,
        seconds,
        moment: 'end',
      })
      into.add('latency-p50', target, percentile(pair.target, 0.5) - percentile(pair.direct, 0.5))
      into.add('latency-p99', target, percentile(pair.target, 0.99) - percentile(pair.direct, 0.99))
      into.add('request-cpu-50', target, pair.cpuMicroseconds)
      if (pair.lateShare > LATE_SHARE) into.note(target, 'rig late')
    })
  },
}

export function directTarget(bench: Bench): Target {
  const direct = bench.targets.find(({ server }) => server === 'direct')
  if (!direct) throw new Error('the direct way is the base of every latency and must be among the targets')
  return direct
}

async function highestRate(bench: Bench, target: Target): Promise<number> {
  const known = bench.maximum.get(target)
  if (known !== undefined) return known
  const { rate } = await maximum(bench, target, { stream: false }, bench.scale.requests.seconds)
  bench.maximum.set(target, rate)
  return rate
}
