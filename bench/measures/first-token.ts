import { inRounds, type Measure } from '../bench.ts'
import { percentile } from '../statistics.ts'
import { directTarget } from './latency.ts'
import { pairedWindows } from './paired.ts'

/** 64 streams open at a time: each has eight events, 20 ms apart, the first at once. */
const STREAMS_A_SECOND = 400
const STREAM = { intervalMs: 20, events: 8 }

/** Added time from the moment a stream was due to its first content. */
export const firstToken: Measure = {
  name: 'first-token',
  async run(bench) {
    const { rounds, seconds } = bench.scale.firstToken
    const direct = directTarget(bench)
    bench.rig.upstream.plan(STREAM)
    return inRounds(bench, 'first-token', rounds, async (target, into) => {
      if (target === direct) return
      const pair = await pairedWindows(bench, target, direct, {
        shape: { stream: true },
        rate: STREAMS_A_SECOND,
        seconds,
        moment: 'first-content',
      })
      into.add('first-token-p50', target, percentile(pair.target, 0.5) - percentile(pair.direct, 0.5))
      into.add('first-token-p99', target, percentile(pair.target, 0.99) - percentile(pair.direct, 0.99))
    })
  },
}
