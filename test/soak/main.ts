import { percentile } from '../promises/support/figure.ts'
import { BARE } from '../promises/support/poller.ts'
import { help, soakOptions } from './options.ts'
import { type Finding, findings, listed } from './report.ts'
import { Soak } from './soak.ts'

/** `npm run soak`: a night in small. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(help)
    return 0
  }
  const options = soakOptions(args)
  const soak = await Soak.open(options)
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  const died = soak.house.gateway.exited.then((code) => {
    if (soak.exitCode === null)
      console.log(JSON.stringify({ died: code, output: soak.house.gateway.output() }))
  })
  try {
    console.log(JSON.stringify({ soak: options, gateway: soak.house.gateway.pid }))
    soak.begin()
    const minutes = setInterval(() => console.log(JSON.stringify(minuteOf(soak))), 60_000)
    await Promise.race([sleep(options.minutes * 60_000), interrupted, died])
    clearInterval(minutes)
    await soak.end()
    const found = findings(soak)
    console.log(closing(soak, found))
    return found.every(({ holds }) => holds) ? 0 : 1
  } finally {
    await soak.close()
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** How things stand. */
function minuteOf(soak: Soak): Record<string, unknown> {
  const { load, outcomes, statuses, books, watch, storeWeather, upstreamWeather, house, wrong } = soak
  const last = watch.samples.at(-1)
  const polls = soak.takePolls()
  const p99 = (name: string): number => percentile(polls.get(name)?.milliseconds ?? [], 0.99)
  return {
    minute: Math.round((last?.at ?? 0) / 60),
    asked: load.asked,
    open: load.open,
    skipped: load.skipped,
    wrong: wrong.length,
    first_wrong: wrong[0],
    faults: books.faults.length,
    first_fault: books.faults[0],
    ...Object.fromEntries(outcomes),
    statuses: Object.fromEntries(statuses),
    balanced: books.balanced,
    waiting: books.open,
    megabytes: Math.round(last?.megabytes ?? 0),
    files: last?.files,
    cpu_seconds: watch.cpuSeconds(),
    health_p99_ms: p99('healthz'),
    bare_p99_ms: p99(BARE),
    outages: Object.fromEntries(storeWeather.past),
    away: storeWeather.now,
    met: Object.fromEntries(upstreamWeather.met),
    exports: house.collector.taken(),
    log_bytes: house.log.bytes,
    escaped: house.log.escaped.length,
  }
}

function closing(
  { options, load, statuses, storeWeather, upstreamWeather, house }: Soak,
  found: readonly Finding[],
): string {
  const head = [
    '',
    `soak of ${options.minutes} minutes, seed ${options.seed}: ${load.asked} requests, ${load.skipped} not made because too many were open`,
    `statuses: ${listed(statuses)}`,
    `vendors: ${listed(upstreamWeather.met)}`,
    `stores: ${listed(storeWeather.past)}`,
    `exports taken: ${house.collector.taken()}`,
    '',
  ]
  const lines = found.flatMap(({ promise, holds, found: what, details = [] }) => [
    `${holds ? '✓' : '✗'} ${promise}: ${what}`,
    ...details.map((detail) => `    ${detail}`),
  ])
  const broken = found.filter(({ holds }) => !holds).length
  return [...head, ...lines, '', broken === 0 ? 'every promise held' : `${broken} broken`].join('\n')
}

process.exit(await main(process.argv.slice(2)))
