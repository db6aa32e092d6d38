import { type Bench, noFailures } from './bench.ts'
import { maximum } from './measures/requests.ts'
import { StreamLoad } from './stream-load.ts'

const STREAMS = 64

/** Lets the compilers see every path before the first window: requests, large requests, streams. */
export async function warmUp(bench: Bench): Promise<void> {
  const { warmSeconds } = bench.scale
  for (const target of bench.targets) {
    bench.progress(`warm-up: ${target.name}`)
    await maximum(bench, target, { stream: false }, warmSeconds)
    await maximum(bench, target, { stream: false, agent: true }, warmSeconds / 4)
    const load = new StreamLoad()
    bench.rig.upstream.plan({ window: STREAMS, events: Number.POSITIVE_INFINITY }, () => load.received)
    await load.start(bench.rig.load(target, { stream: true }), STREAMS)
    await Bun.sleep((warmSeconds / 2) * 1000)
    bench.rig.upstream.endStreams()
    await Bun.sleep(50)
    load.stop()
    noFailures(target, 'warm-up', load)
  }
}
