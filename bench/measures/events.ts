import { type Bench, inRounds, type Measure, noFailures } from '../bench.ts'
import { percentile } from '../statistics.ts'
import { StreamLoad } from '../stream-load.ts'
import type { Target } from '../targets.ts'
import { noteRigLimit, noteWatching } from './requests.ts'

const PACED = { streams: 128, intervalMs: 10 }
const SATURATED = { streams: 512, window: 512 }
const ENDLESS = Number.POSITIVE_INFINITY
const GOODBYE_MILLISECONDS = 3_000

/** What an event costs at a vendor's pace, evenly spread: one read and one write each. */
export const events: Measure = {
  name: 'events',
  async run(bench) {
    const { rounds, seconds } = bench.scale.events
    const samples = await inRounds(bench, 'events', rounds, async (target, into) => {
      bench.rig.upstream.plan({ intervalMs: PACED.intervalMs, events: ENDLESS })
      const found = await streamed(bench, target, PACED.streams, seconds, new StreamLoad())
      into.add('event-gap-p99', target, percentile(found.gaps, 0.99))
      if (target.server !== 'direct') into.add('event-cpu', target, found.cpuMicroseconds)
    })
    noteWatching(bench, samples, 'event-cpu', 'watched-event-ratio')
    return samples
  },
}

/** What an event costs when as many come as go through, at most one under way for each stream on average. */
export const saturation: Measure = {
  name: 'saturation',
  async run(bench) {
    const { rounds, seconds } = bench.scale.events
    const busy = new Map<Target, number>()
    const samples = await inRounds(bench, 'saturation', rounds, async (target, into) => {
      const load = new StreamLoad()
      bench.rig.upstream.plan({ window: SATURATED.window, events: ENDLESS }, () => load.received)
      const found = await streamed(bench, target, SATURATED.streams, seconds, load)
      into.add('saturated-rate', target, found.rate)
      if (target.server === 'direct') return
      into.add('saturated-cpu', target, found.cpuMicroseconds)
      busy.set(target, Math.max(found.busy, busy.get(target) ?? 0))
    })
    noteRigLimit(bench, samples, 'saturated-rate', busy)
    return samples
  },
}

interface Streamed {
  rate: number
  /** Of one event. */
  cpuMicroseconds: number
  busy: number
  gaps: number[]
}

async function streamed(
  bench: Bench,
  target: Target,
  streams: number,
  seconds: number,
  load: StreamLoad,
): Promise<Streamed> {
  const { upstream } = bench.rig
  const emittedBefore = upstream.emitted
  await load.start(bench.rig.load(target, { stream: true }), streams)
  await Bun.sleep(bench.scale.settleSeconds * 1000)
  load.reset()
  const before = load.received
  const window = await bench.rig.window(target, seconds)
  const received = load.received - before
  const { gaps } = load
  upstream.endStreams()
  await completed(load, streams)
  load.stop()
  noFailures(target, `${streams} streams`, load)
  const emitted = upstream.emitted - emittedBefore
  if (load.completed !== streams || load.received !== emitted)
    throw new Error(
      `${target.name}: ${load.completed} of ${streams} streams ended as they should, ` +
        `${load.received} of ${emitted} events came through`,
    )
  return {
    rate: received / window.seconds,
    cpuMicroseconds: window.cpuMicroseconds / received,
    busy: window.cpuMicroseconds / 1e6 / window.seconds,
    gaps,
  }
}

async function completed(load: StreamLoad, streams: number): Promise<void> {
  const until = performance.now() + GOODBYE_MILLISECONDS
  while (load.completed + load.failed < streams && performance.now() < until) await Bun.sleep(5)
}
