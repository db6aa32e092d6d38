import { percentile } from '../promises/support/figure.ts'
import { allowedMs, BARE } from '../promises/support/poller.ts'
import { settlingSeconds } from './options.ts'
import type { Soak } from './soak.ts'
import { type Trend, trendOf } from './watch/trend.ts'

/** One promise: what was found, and whether it holds. */
export interface Finding {
  promise: string
  holds: boolean
  found: string
  details?: readonly string[]
}

const HEALTH_P99_MS = 20
const LOG_BYTES_A_REQUEST = 2_048
const MEGABYTES_AN_HOUR = 0.5
/** In less, one wave of load is a slope. */
const SHORTEST_JUDGED_MINUTES = 15
/** Connections to stores and collectors come and go too. */
const FILES_MORE_AT_REST = 10

const SHOWN = 12

export function findings(soak: Soak): Finding[] {
  return [
    answers(soak),
    accounts(soak),
    sums(soak),
    memory(soak),
    files(soak),
    health(soak),
    logBytes(soak),
    escapes(soak),
    {
      promise: 'H1 ends in order when told to',
      holds: soak.exitCode === 0,
      found: `exit code ${soak.exitCode}`,
    },
  ]
}

function answers({ wrong, outcomes }: Soak): Finding {
  const total = [...outcomes.values()].reduce((sum, count) => sum + count, 0)
  return {
    promise: 'A1–A4, C16 no wrong answer',
    holds: wrong.length === 0 && (outcomes.get('answered') ?? 0) > 0,
    found: `${wrong.length} wrong of ${total}; ${listed(outcomes)}`,
    details: wrong.slice(0, SHOWN),
  }
}

function accounts({ books }: Soak): Finding {
  return {
    promise: 'C1, C2, C6, C8 no lost or double row',
    holds: books.faults.length === 0 && books.balanced > 0,
    found: `${books.faults.length} faults; ${books.balanced} requests balanced, ${books.rows} rows, ${books.attempts} attempts at the vendors`,
    details: books.faults.slice(0, SHOWN),
  }
}

function sums({ books: { sum, rows }, stored }: Soak): Finding {
  const same =
    stored !== undefined &&
    stored.requests === rows &&
    stored.inputTokens === sum.inputTokens &&
    stored.outputTokens === sum.outputTokens &&
    stored.cost === sum.cost
  return {
    promise: 'C10 sums equal the rows',
    holds: same,
    found: `${stored?.requests ?? 'no'} requests in the sums, ${rows} rows`,
  }
}

/** By the hour. */
export function trend(soak: Soak, value: 'megabytes' | 'ownFiles'): Trend {
  const from = settlingSeconds(soak.options)
  const samples = soak.watch.samples.filter(({ at }) => at >= from && at <= soak.options.minutes * 60)
  return trendOf(
    samples.map(({ at }) => at / 3_600),
    samples.map((sample) => sample[value]),
  )
}

/**
 * Nothing that is seen says that it grows by more than the promise allows. A short run sees little: the interval says
 * how little.
 */
function memory(soak: Soak): Finding {
  const found = trend(soak, 'megabytes')
  const values = soak.watch.samples
    .filter(({ at }) => at >= settlingSeconds(soak.options))
    .map(({ megabytes }) => megabytes)
  const isLong = soak.options.minutes >= SHORTEST_JUDGED_MINUTES
  return {
    promise: `G3 memory flat after ${Math.round(settlingSeconds(soak.options))} s`,
    holds: !isLong || found.slope - found.margin <= MEGABYTES_AN_HOUR,
    found: `${shown(found)} MB/h${isLong ? '' : ' (a run too short to judge by)'}; ${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))} MB, median ${Math.round(percentile(values, 0.5))}`,
  }
}

/** What stays when clients and vendors are gone would be a leak. */
function files(soak: Soak): Finding {
  const { samples } = soak.watch
  const atRest = samples.at(-1)?.ownFiles ?? Number.POSITIVE_INFINITY
  const most = (value: 'files' | 'ownFiles'): number => Math.max(...samples.map((sample) => sample[value]))
  return {
    promise: 'G3 open files flat',
    holds: atRest - soak.filesAtFirst <= FILES_MORE_AT_REST,
    found: `besides connections that are in use ${soak.filesAtFirst} at first, ${atRest} at rest, at most ${most('ownFiles')}, ${shown(trend(soak, 'ownFiles'))} an hour; with them at most ${most('files')}`,
  }
}

function shown({ slope, margin, samples }: Trend): string {
  return `${slope.toFixed(2)} ± ${margin.toFixed(2)} (95 %, n=${samples})`
}

function health({ polls }: Soak): Finding {
  const allowed = allowedMs(HEALTH_P99_MS, polls)
  const worst = ['healthz', 'readyz'].map((name) => {
    const { milliseconds = [], statuses = new Map() } = polls.get(name) ?? {}
    const others = [...statuses].filter(([status]) => status !== 200)
    return { name, p99: percentile(milliseconds, 0.99), count: milliseconds.length, others }
  })
  return {
    promise: `F5 health p99 ≤ ${HEALTH_P99_MS} ms`,
    holds: worst.every(({ p99, others }) => p99 <= allowed && others.length === 0),
    found: `${worst.map(({ name, p99, count, others }) => `${name} ${p99.toFixed(1)} ms (n=${count}${others.length > 0 ? `, ${listed(new Map(others))}` : ''})`).join(', ')}; a bare server beside it ${percentile(polls.get(BARE)?.milliseconds ?? [], 0.99).toFixed(1)} ms`,
  }
}

function logBytes({ house: { log }, load }: Soak): Finding {
  const each = log.bytes / load.asked
  const state = [...log.messages].filter(([message]) => message !== 'request')
  return {
    promise: `F7 log ≤ ${LOG_BYTES_A_REQUEST} bytes a request`,
    holds: each <= LOG_BYTES_A_REQUEST && (log.messages.get('request') ?? 0) > 0,
    found: `${Math.round(each)} bytes, ${(log.lines / load.asked).toFixed(2)} lines a request; others: ${listed(new Map(state))}`,
  }
}

function escapes({ house: { log } }: Soak): Finding {
  return {
    promise: 'G11 no error escapes',
    holds: log.escaped.length === 0,
    found: `${log.escaped.length} escaped, ${log.errors.length} lines of level error`,
    details: [...log.escaped.slice(0, SHOWN), ...log.errors.slice(0, SHOWN)],
  }
}

export function listed(counts: ReadonlyMap<string | number, number>): string {
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
