import { type Bench, type Measure, noFailures } from '../bench.ts'
import { type FigureId, Samples } from '../figures.ts'
import { descriptorLimit, residentMegabytes } from '../process-usage.ts'
import { StreamLoad } from '../stream-load.ts'
import { representative, type Target } from '../targets.ts'
import { maximum } from './requests.ts'

const EVENT_INTERVAL_MS = 1_000
const CLOSE_SECONDS = 10
const SAMPLE_SECONDS = 0.5

/** Resident memory with streams held open, one event a second each, in a fresh process: the most that was seen. */
export const memory: Measure = {
  name: 'memory',
  async run(bench) {
    const samples = new Samples()
    bench.rig.ticker.start(false)
    for (const target of bench.targets.filter(representative)) await one(bench, target, samples)
    bench.rig.ticker.start(true)
    return samples
  },
}

async function one(bench: Bench, target: Target, samples: Samples): Promise<void> {
  const { streams, seconds, holdSeconds } = bench.scale.memory
  if (target.server === 'direct') return
  await bench.rig.end(target.server)
  const { pid } = await bench.rig.start(target.server)
  await maximum(bench, target, { stream: false }, bench.scale.warmSeconds)
  await Bun.sleep(1_000)
  const idle = residentMegabytes(pid)
  samples.add('memory-idle', target, idle)
  bench.rig.upstream.plan({ intervalMs: EVENT_INTERVAL_MS, events: Number.POSITIVE_INFINITY })
  const load = new StreamLoad()
  for (const count of streams) {
    bench.progress(`memory: ${target.name}, ${count} streams`)
    if (descriptorLimit() < 2 * count + 200) {
      samples.note(target, `${count} streams need more than ${descriptorLimit()} descriptors`)
      break
    }
    await load.start(bench.rig.load(target, { stream: true }), count - load.open)
    const resident = await highest(pid, count === streams.at(-1) ? holdSeconds : seconds)
    noFailures(target, `${count} open streams`, load)
    samples.add(count === 1_000 ? ('memory-1000' satisfies FigureId) : 'memory-4000', target, resident)
    if (count === streams.at(-1)) samples.add('memory-stream', target, ((resident - idle) * 1024) / count)
  }
  load.stop()
  await Bun.sleep(CLOSE_SECONDS * 1000)
  samples.add('memory-recovered', target, residentMegabytes(pid))
}

/** The most resident memory in that time, in megabytes: between two collections it goes up and down. */
async function highest(pid: number, seconds: number): Promise<number> {
  let most = 0
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    await Bun.sleep(SAMPLE_SECONDS * 1000)
    most = Math.max(most, residentMegabytes(pid))
  }
  return most
}
