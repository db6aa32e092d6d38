import { inRounds, type Measure } from '../bench.ts'
import { WHOLE_BYTES } from '../dialects.ts'
import type { Target } from '../targets.ts'
import { maximum, noteRigLimit } from './requests.ts'

const ANSWER_BYTES = 2_000

/** The ordinary request of a coding agent: 100 KB up, 2 KB down. */
export const prompt: Measure = {
  name: 'prompt',
  async run(bench) {
    const { rounds, seconds } = bench.scale.prompt
    const busy = new Map<Target, number>()
    bench.rig.upstream.wholeBytes(ANSWER_BYTES)
    const samples = await inRounds(bench, 'prompt', rounds, async (target, into) => {
      const found = await maximum(bench, target, { stream: false, agent: true }, seconds)
      into.add('prompt-rate', target, found.rate)
      if (target.server === 'direct') return
      into.add('prompt-cpu', target, found.cpuMicroseconds)
      busy.set(target, found.busy)
    })
    bench.rig.upstream.wholeBytes(WHOLE_BYTES)
    noteRigLimit(bench, samples, 'prompt-rate', busy)
    return samples
  },
}
