import { type Bench, inRounds, type Measure, noFailures } from '../bench.ts'
import type { FigureId, Samples } from '../figures.ts'
import { ClosedLoop, OpenLoop } from '../load.ts'
import { ACCOUNTS, type RequestShape, type Target, UNWATCHED, WATCHED } from '../targets.ts'

const CONNECTIONS = 64
/** Below this share of its core the measured process was waiting for the rig. */
const BUSY = 0.95
/** The rig must be this much faster alone than with the target between. */
const HEADROOM = 3

interface Maximum {
  rate: number
  cpuMicroseconds: number
  /** Share of its core the measured process used. */
  busy: number
}

/** A closed loop for one window. */
export async function maximum(
  bench: Bench,
  target: Target,
  shape: RequestShape,
  seconds: number,
): Promise<Maximum> {
  const load = new ClosedLoop()
  await load.start(bench.rig.load(target, shape), CONNECTIONS)
  await Bun.sleep(bench.scale.settleSeconds * 1000)
  const before = load.completed
  const window = await bench.rig.window(target, seconds)
  const completed = load.completed - before
  load.stop()
  noFailures(target, 'closed loop', load)
  return {
    rate: completed / window.seconds,
    cpuMicroseconds: window.cpuMicroseconds / completed,
    busy: window.cpuMicroseconds / 1e6 / window.seconds,
  }
}

/** Marks rows whose target had spare time and whose rig had none. */
export function noteRigLimit(
  bench: Bench,
  samples: Samples,
  rate: FigureId,
  busy: Map<Target, number>,
): void {
  const direct = bench.targets.find(({ server }) => server === 'direct')
  const ceiling = direct ? Math.max(...samples.of(rate, direct)) : Number.NaN
  for (const target of bench.targets) {
    const highest = Math.max(...samples.of(rate, target))
    if (target !== direct && ceiling < HEADROOM * highest && (busy.get(target) ?? 0) < BUSY)
      samples.note(target, 'rig-limited')
  }
}

const fraction = (load: number): FigureId => (load === 0.25 ? 'request-cpu-25' : 'request-cpu-75')

/** The highest rate, and what a request costs there and at fixed rates. */
export const requests: Measure = {
  name: 'requests',
  async run(bench) {
    const { rounds, seconds, loads } = bench.scale.requests
    const busy = new Map<Target, number>()
    const samples = await inRounds(bench, 'requests', rounds, async (target, into) => {
      const found = await maximum(bench, target, { stream: false }, seconds)
      into.add('request-rate', target, found.rate)
      bench.maximum.set(target, Math.max(found.rate, bench.maximum.get(target) ?? 0))
      if (target.server === 'direct') return
      busy.set(target, Math.max(found.busy, busy.get(target) ?? 0))
      into.add('request-cpu-100', target, found.cpuMicroseconds)
      for (const load of loads)
        into.add(fraction(load), target, await costAt(bench, target, found.rate * load, seconds))
    })
    noteOpenRate(bench, samples)
    noteWatching(bench, samples, 'request-cpu-100', 'watched-request-ratio')
    noteRigLimit(bench, samples, 'request-rate', busy)
    return samples
  },
}

/** What keys, limits and accounting take of the maximum rate: round by round beside the same way in open mode. */
function noteOpenRate(bench: Bench, samples: Samples): void {
  const accounts = bench.targets.find(({ name }) => name === ACCOUNTS)
  const open = bench.targets.find(({ name }) => name === 'chat')
  if (!accounts || !open) return
  const rates = samples.of('request-rate', open)
  for (const [round, rate] of samples.of('request-rate', accounts).entries())
    samples.add('open-rate-ratio', accounts, (rates[round] ?? Number.NaN) / rate)
}

/** What logs, metrics, traces, samples and routing cost: round by round beside the same way without them. */
export function noteWatching(bench: Bench, samples: Samples, cost: FigureId, ratio: FigureId): void {
  const watched = bench.targets.find(({ name }) => name === WATCHED)
  const unwatched = bench.targets.find(({ name }) => name === UNWATCHED)
  if (!watched || !unwatched) return
  const without = samples.of(cost, unwatched)
  for (const [round, value] of samples.of(cost, watched).entries())
    samples.add(ratio, watched, value / (without[round] ?? Number.NaN))
}

/** CPU of a request at a fixed rate. */
async function costAt(bench: Bench, target: Target, rate: number, seconds: number): Promise<number> {
  const load = new OpenLoop(bench.rig.ticker, bench.rig.load(target, { stream: false }), 'end')
  await load.start(rate)
  await Bun.sleep(bench.scale.settleSeconds * 1000)
  load.reset()
  const window = await bench.rig.window(target, seconds)
  load.stop()
  noFailures(target, `${Math.round(rate)} requests a second`, load)
  return window.cpuMicroseconds / load.completed
}
