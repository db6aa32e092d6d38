import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { startUpstream, type Upstream } from '../../rig/upstream.ts'
import { figure, percentile, size } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { ask, modelToml } from '../support/stage.ts'
import { startUnread, type UnreadGateway } from './support/unread-gateway.ts'

/**
 * F9 a hung sink never delays a request: the log goes to a pipe that nobody reads, then to one that is read a little,
 * then to one whose reader left. A second gateway, which logs nothing, is asked in turn with it.
 */

const model = modelToml('m', { provider: 'openai', model: 'gpt-4.1' })
const configWith = (logging: string): string =>
  `[auth]\nmode = "open"\n[observability]\naccess = "public"\n[observability.logging]\n${logging}\n${model}`

let upstream: Upstream
let quiet: UnreadGateway
let hung: UnreadGateway
beforeAll(async () => {
  upstream = await startUpstream()
  quiet = await startUnread(configWith('stdout = false'), upstream.environment)
  hung = await startUnread(configWith('level = "debug"'), upstream.environment)
})
afterAll(async () => {
  await quiet.close()
  await hung.close()
  await upstream.close()
})

async function one({ url }: UnreadGateway): Promise<number> {
  const seen = await ask(url, chatFront, { model: 'm', content: '[scene:text] hello', stream: false })
  expect(seen.status).toBe(200)
  return seen.milliseconds
}

async function lostLines({ url }: UnreadGateway): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^xjp_log_lines_lost_total (\d+)/m.exec(text)?.[1] ?? Number.NaN)
}

function residentMegabytes({ pid }: UnreadGateway): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** Asks both in turn, a hundred requests a second each, whatever the answers take. */
async function measured(count: number, meanwhile: () => void): Promise<Record<'quiet' | 'hung', number[]>> {
  const times: Record<'quiet' | 'hung', number[]> = { quiet: [], hung: [] }
  const running: Promise<void>[] = []
  const begun = performance.now()
  for (let turn = 0; turn < 2 * count; turn += 1) {
    const wait = begun + turn * 5 - performance.now()
    if (wait > 0) await Bun.sleep(wait)
    const [name, gateway] = turn % 2 === 0 ? (['quiet', quiet] as const) : (['hung', hung] as const)
    running.push(one(gateway).then((milliseconds) => void times[name].push(milliseconds)))
    if (turn % 20 === 0) meanwhile()
  }
  await Promise.all(running)
  return times
}

/** Enough lines to fill the pipe, and what may wait behind it. */
async function flood(count: number): Promise<void> {
  let sent = 0
  const client = async (): Promise<void> => {
    while (sent < count) {
      sent += 1
      await Promise.all([one(quiet), one(hung)])
    }
  }
  await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(client))
}

const ROUND = size(300, 6_000)
/** Others use the machine too. What a hung sink delays it delays every time; noise strikes one round or the other. */
const ROUNDS = 5

/** Measures until a round shows no delay; the figures of the last one. */
async function undelayed(
  meanwhile: () => void,
): Promise<Record<string, number | string> & { rounds: number }> {
  for (let rounds = 1; ; rounds += 1) {
    const times = await measured(ROUND, meanwhile)
    const [p50, p99] = [0.5, 0.99].map((share) => ({
      quiet: percentile(times.quiet, share),
      hung: percentile(times.hung, share),
    }))
    if (!p50 || !p99) throw new Error('there are two shares')
    const isUndelayed = p50.hung < p50.quiet * 1.25 + 1 && p99.hung < p99.quiet * 1.05 + 2
    if (!isUndelayed && rounds <= ROUNDS) continue
    return {
      p50_quiet_ms: p50.quiet.toFixed(2),
      p50_hung_ms: p50.hung.toFixed(2),
      p99_quiet_ms: p99.quiet.toFixed(2),
      p99_hung_ms: p99.hung.toFixed(2),
      rounds: isUndelayed ? rounds : ROUNDS + 1,
    }
  }
}

const phases: [string, () => void][] = [
  ['nobody reads', () => {}],
  ['somebody reads a little', () => void hung.read(2_000)],
  ['the reader left', () => hung.leave()],
]

test('F9: the log goes to a pipe', async () => {
  await flood(size(5_500, 20_000))
  const afterFlood = { hung: residentMegabytes(hung), quiet: residentMegabytes(quiet) }
  const lostBefore = await lostLines(hung)
  expect(lostBefore).toBeGreaterThan(0)
  for (const [name, meanwhile] of phases) {
    const { rounds, ...found } = await undelayed(meanwhile)
    figure(`F9 (stdout: ${name})`, { n: ROUND, ...found, lost: await lostLines(hung), rounds })
    expect(rounds).toBeLessThanOrEqual(ROUNDS)
  }
  const lost = await lostLines(hung)
  const grown = residentMegabytes(hung) - afterFlood.hung
  figure('F9 (memory)', {
    hung_mb: residentMegabytes(hung).toFixed(0),
    quiet_mb: residentMegabytes(quiet).toFixed(0),
    grown_mb: grown.toFixed(1),
  })
  // Every line that was written while the reader was away is counted, and nothing is kept for it.
  expect(lost).toBeGreaterThan(lostBefore)
  expect(grown).toBeLessThan(24)
  expect(residentMegabytes(hung) - residentMegabytes(quiet)).toBeLessThan(80)
}, 300_000)
