import type { Bench, Measure } from '../bench.ts'
import { Samples } from '../figures.ts'
import { descriptors, residentMegabytes } from '../process-usage.ts'
import { StreamLoad } from '../stream-load.ts'
import { representative, type Target } from '../targets.ts'

const AT_ONCE = 200

/** Clients that leave in the middle of a stream, thousands of them: everything must come back. */
export const aborts: Measure = {
  name: 'aborts',
  async run(bench) {
    const samples = new Samples()
    const { count, warmUp } = bench.scale.aborts
    bench.rig.upstream.plan({ intervalMs: 20, events: Number.POSITIVE_INFINITY })
    for (const target of bench.targets.filter(representative)) {
      const pid = bench.rig.server(target)?.pid
      if (pid === undefined) continue
      bench.progress(`aborts: ${target.name}`)
      await storm(bench, target, warmUp)
      const before = {
        resident: residentMegabytes(pid),
        open: descriptors(pid),
        upstream: upstreamOpen(bench),
      }
      await storm(bench, target, count)
      samples.add('abort-growth', target, residentMegabytes(pid) - before.resident)
      samples.add('abort-descriptors', target, descriptors(pid) - before.open)
      samples.add('abort-upstream', target, upstreamOpen(bench) - before.upstream)
    }
    return samples
  },
}

const upstreamOpen = (bench: Bench): number => bench.rig.upstream.connections

async function storm(bench: Bench, target: Target, count: number): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE) {
    const load = new StreamLoad()
    await load.start(bench.rig.load(target, { stream: true }), Math.min(AT_ONCE, left))
    load.stop()
  }
  await Bun.sleep(bench.scale.aborts.settleSeconds * 1000)
}
