import { expect, test } from 'bun:test'
import { readdirSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { Ticker } from '../../../bench/ticker.ts'
import { Upstream } from '../../../bench/upstream.ts'
import { startGateway } from '../../rig/gateway.ts'
import { random } from '../../rig/http/deliver.ts'
import { swarm } from '../../rig/swarm.ts'
import { figure, isLong, size } from '../support/figure.ts'
import { chatFront, fronts } from '../support/fronts.ts'
import { cleanEnd } from './support/clean-end.ts'
import { Probe } from './support/probe.ts'

/** G4: clients that leave in the middle of their streams leave nothing behind. */

const ABORTS = size(5_000, 50_000)
const WARM = size(1_000, 10_000)
/** Between two looks: what is resident goes up and down by some megabytes with each collection. */
const PARTS = 10
const TOGETHER = 64
const SEED = 20_261_121
const LIMIT_MB = 5
/** Kinds of objects that stand for something that has to end. */
const WATCHED = /Timeout|Socket|AbortSignal|AbortController|ReadableStream|Response|Request$/

const next = random(SEED)

/** Opens a stream and leaves after some bytes of it, by FIN or RST. */
function abort(url: string, index: number): Promise<void> {
  const { hostname, port } = new URL(url)
  const front = fronts[index % 2] ?? chatFront
  const body = JSON.stringify({
    ...front.body(index % 3 === 0 ? 'anthropic/claude-bench' : 'openai/bench', 'hello', true),
    max_tokens: 100,
  })
  const leavesAt = 1 + Math.floor(next() * 3_000)
  return new Promise((resolve) => {
    let got = 0
    const socket = connect(Number(port), hostname, () =>
      socket.write(
        `POST ${front.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      ),
    )
    socket.on('data', (bytes) => {
      got += bytes.length
      if (got < leavesAt) return
      if (next() < 0.7) socket.resetAndDestroy()
      else socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

function sockets(pid: number): number {
  const names = readdirSync(`/proc/${pid}/fd`).map((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`)
    } catch {
      return ''
    }
  })
  return names.filter((name) => name.startsWith('socket:')).length
}

test(`G4: ${ABORTS} clients leave in the middle`, async () => {
  const probe = new Probe()
  const ticker = new Ticker()
  ticker.start(false)
  const upstream = new Upstream(ticker)
  upstream.plan({ intervalMs: 5, events: Number.POSITIVE_INFINITY })
  const base = `http://127.0.0.1:${upstream.port}`
  const gateway = await startGateway({
    args: ['--open'],
    env: {
      ...probe.environment,
      ...{ OPENAI_BASE_URL: `${base}/v1`, OPENAI_API_KEY: 'key-0123456789' },
      ...{ ANTHROPIC_BASE_URL: base, ANTHROPIC_API_KEY: 'key-0123456789' },
    },
  })
  const settled = async () => {
    while (upstream.openStreams > 0) await Bun.sleep(20)
    await Bun.sleep(500)
    const { residentBytes, heapBytes } = await probe.memory()
    const own = sockets(gateway.pid) - upstream.connections
    return {
      residentMb: residentBytes / 2 ** 20,
      heapMb: heapBytes / 2 ** 20,
      own,
      objects: await probe.objects(),
    }
  }
  const resident: number[] = []
  const part = async () => {
    await swarm(ABORTS / PARTS, TOGETHER, (index) => abort(gateway.url, index))
    const seen = await settled()
    resident.push(seen.residentMb)
    return seen
  }
  try {
    await swarm(WARM, TOGETHER, (index) => abort(gateway.url, index))
    const before = await part()
    for (let each = 2; each < PARTS; each += 1) await part()
    const after = await part()
    const growth = mean(resident.slice(-3)) - mean(resident.slice(0, 3))
    const grown = Object.entries(after.objects).filter(
      ([kind, count]) => WATCHED.test(kind) && count > (before.objects[kind] ?? 0) + 50,
    )
    figure('G4', {
      n: ABORTS,
      seed: SEED,
      resident_mb: `${Math.round(Math.min(...resident))} to ${Math.round(Math.max(...resident))}`,
      resident_growth_mb: Math.round(growth * 10) / 10,
      heap_growth_mb: Math.round((after.heapMb - before.heapMb) * 10) / 10,
      limit_mb: LIMIT_MB,
      sockets_before: before.own,
      sockets_after: after.own,
    })
    expect(grown).toEqual([])
    expect(after.own).toBeLessThanOrEqual(before.own)
    expect(after.heapMb - before.heapMb).toBeLessThan(LIMIT_MB)
    if (isLong) expect(growth).toBeLessThan(LIMIT_MB)
    const status = (await (await fetch(`${gateway.url}/status`)).json()) as { active: number }
    expect(status.active).toBe(0)
    await cleanEnd(gateway)
  } finally {
    gateway.kill('SIGKILL')
    await gateway.exited
    ticker.stop()
    upstream.close()
    probe.close()
  }
}, 900_000)
