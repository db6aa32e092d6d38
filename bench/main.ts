import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { benchArguments, USAGE } from './arguments.ts'
import type { Bench, Measure } from './bench.ts'
import { withFigures } from './document.ts'
import type { Figure } from './figures.ts'
import { describeMachine } from './machine.ts'
import { aborts } from './measures/aborts.ts'
import { events, saturation } from './measures/events.ts'
import { firstToken } from './measures/first-token.ts'
import { latency } from './measures/latency.ts'
import { memory } from './measures/memory.ts'
import { prompt } from './measures/prompt.ts'
import { requests } from './measures/requests.ts'
import { pinned, pinningNote, pinRig } from './pinning.ts'
import { jsonLines, markdownReport, type Run, terminalReport } from './report.ts'
import { Rig } from './rig.ts'
import { NORMAL, QUICK } from './scale.ts'
import { missing, root } from './servers.ts'
import { TARGETS, type Target } from './targets.ts'
import { wrongAnswer } from './verify.ts'
import { warmUp } from './warm-up.ts'

/** In the order in which they run: what needs fresh processes comes last. */
const MEASURES: readonly Measure[] = [
  requests,
  latency,
  events,
  saturation,
  firstToken,
  prompt,
  aborts,
  memory,
]

const BROKEN = 1
const BAD_USAGE = 2
/** As shells report a process that a signal ended. */
const INTERRUPTED = 130

async function main(): Promise<number> {
  const names = MEASURES.map(({ name }) => name)
  const parsed = benchArguments(process.argv.slice(2), names)
  if (typeof parsed === 'string') {
    process.stderr.write(`${parsed}\n${USAGE}${names.join(', ')}\n`)
    return BAD_USAGE
  }
  if (process.platform !== 'linux') {
    process.stderr.write('The benchmark reads /proc and pins to cores: it runs on Linux only.\n')
    return BAD_USAGE
  }
  pinRig()
  const scale = parsed.quick ? QUICK : NORMAL
  const measures =
    parsed.only.length === 0 ? MEASURES : MEASURES.filter(({ name }) => parsed.only.includes(name))
  const [loadBefore = 0] = loadavg()
  const time = new Date().toISOString()
  const rig = new Rig()
  rig.ticker.start(pinned)
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void rig.close().then(() => process.exit(INTERRUPTED)))
  try {
    const { targets, notes } = await startTargets(rig)
    const bench: Bench = { rig, scale, targets, maximum: new Map(), disturbances: [], progress }
    const { figures, broken } = await measureAll(bench, measures)
    const run: Run = {
      time,
      scale: scale.name,
      machine: describeMachine(root),
      pinning: pinningNote(),
      disturbances: bench.disturbances,
      loadBefore,
      loadAfter: loadavg()[0] ?? 0,
      notes: [...notes, ...broken],
    }
    publish(run, figures, parsed.update && broken.length === 0)
    return broken.length === 0 ? 0 : BROKEN
  } finally {
    await rig.close()
  }
}

/** Starts every server and leaves out the targets that are missing or answer wrongly, saying so. */
async function startTargets(rig: Rig): Promise<{ targets: Target[]; notes: string[] }> {
  const targets: Target[] = []
  const notes = new Set<string>()
  for (const target of TARGETS) {
    const absent = target.server === 'direct' ? undefined : missing(target.server)
    if (absent !== undefined) {
      notes.add(absent)
      continue
    }
    if (target.server !== 'direct') await rig.start(target.server)
    const wrong = await wrongAnswer(rig, target)
    if (wrong === undefined) targets.push(target)
    else notes.add(`${target.name} is not measured: ${wrong}`)
  }
  for (const note of notes) progress(note)
  return { targets, notes: [...notes] }
}

/** A measure whose answers are wrong is reported as broken; the others are still worth having. */
async function measureAll(
  bench: Bench,
  measures: readonly Measure[],
): Promise<{ figures: Figure[]; broken: string[] }> {
  const figures: Figure[] = []
  const broken: string[] = []
  await warmUp(bench)
  for (const measure of measures) {
    try {
      figures.push(...(await measure.run(bench)).figures())
    } catch (thrown) {
      broken.push(`${measure.name} is broken: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
      progress(broken.at(-1) ?? '')
    }
  }
  return { figures, broken }
}

function publish(run: Run, figures: readonly Figure[], update: boolean): void {
  process.stdout.write(`\n${terminalReport(run, figures)}`)
  const folder = join(root, 'bench/results')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${run.time.replaceAll(':', '-')}.jsonl`)
  writeFileSync(file, jsonLines(run, figures))
  process.stdout.write(`figures in ${file}\n`)
  if (!update) return
  const document = join(root, 'docs/benchmarks.md')
  writeFileSync(document, withFigures(readFileSync(document, 'utf8'), markdownReport(run, figures)))
}

function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`)
}

process.exit(await main())
