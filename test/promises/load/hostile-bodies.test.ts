import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Ticker } from '../../../bench/ticker.ts'
import { Upstream } from '../../../bench/upstream.ts'
import { type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { figure, isLong, size } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { cleanEnd } from './support/clean-end.ts'
import { Probe } from './support/probe.ts'
import { type Shape, shapes } from './support/request-shapes.ts'

/**
 * G6: no request holds the loop for more than 50 ms. G7: none costs over a hundred times its size in memory, or over a
 * hundred times what it cost its client in processor time.
 */

const ROUNDS = size(1, 5)
const HELD_MS = 50
const TIMES = 100
/** What a program needs for any request, and between two collections. */
const FLOOR_BYTES = 64 * 2 ** 20
const FLOOR_MS = 5

const probe = new Probe()
const ticker = new Ticker()
let upstream: Upstream
let gateway: GatewayProcess

beforeAll(async () => {
  ticker.start(false)
  upstream = new Upstream(ticker)
  const base = `http://127.0.0.1:${upstream.port}`
  gateway = await startGateway({
    args: ['--open'],
    env: {
      ...probe.environment,
      ...{ OPENAI_BASE_URL: `${base}/v1`, OPENAI_API_KEY: 'key-0123456789' },
      ...{ ANTHROPIC_BASE_URL: base, ANTHROPIC_API_KEY: 'key-0123456789' },
      ...{ GEMINI_BASE_URL: base, GEMINI_API_KEY: 'key-0123456789' },
    },
  })
  // Cold code is slow, and not what is measured.
  for (const shape of shapes.slice(0, 8)) for (const way of ways()) await send(shape, way)
}, 120_000)
afterAll(async () => {
  gateway.kill('SIGKILL')
  await gateway.exited
  upstream.close()
  ticker.stop()
  probe.close()
})

const models = ['openai/bench', 'anthropic/claude-bench', 'gemini/gemini-2.5-bench']
interface Way {
  front: (typeof fronts)[number]
  model: string
}

/** From each client to each upstream; every day from each client to one that speaks another protocol. */
function ways(): Way[] {
  const all = fronts.flatMap((front) => models.map((model) => ({ front, model })))
  return isLong ? all : all.filter((_, index) => index === 2 || index === 3)
}

interface Cost {
  status: number
  bytes: number
  heldMs: number
  gatewayMs: number
  clientMs: number
  grownBytes: number
}

async function send(shape: Shape, { front, model }: Way): Promise<Cost> {
  const before = await probe.used()
  await probe.longestMs()
  const clientBefore = process.cpuUsage()
  const body = shape.body(model, front.name === 'messages')
  const response = await fetch(gateway.url + front.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body as Uint8Array<ArrayBuffer>,
  })
  await response.arrayBuffer()
  const spent = process.cpuUsage(clientBefore)
  // The loop has turned once more when this is answered.
  const heldMs = await probe.longestMs()
  const after = await probe.used()
  return {
    status: response.status,
    bytes: body.length,
    heldMs,
    gatewayMs: after.usedMs - before.usedMs,
    clientMs: (spent.user + spent.system) / 1000,
    grownBytes: Math.max(0, after.residentBytes - before.residentBytes),
  }
}

const worst = { memory: 0, cpu: 0 }
const held: { milliseconds: number; by: string }[] = []
let n = 0
afterAll(() => {
  figure('G6', {
    n,
    shapes: shapes.length,
    limit_ms: HELD_MS,
    longest: held
      .sort((one, other) => other.milliseconds - one.milliseconds)
      .slice(0, 6)
      .map(({ milliseconds, by }) => `${Math.round(milliseconds)} ms ${by}`)
      .join('; '),
  })
  figure('G7', {
    n,
    shapes: shapes.length,
    worst_memory_times: Math.round(worst.memory * 10) / 10,
    worst_cpu_times: Math.round(worst.cpu * 10) / 10,
    limit_times: TIMES,
  })
})

describe('G6, G7', () => {
  test.each([...shapes])(
    '$name',
    async (shape) => {
      for (const way of ways()) {
        let least = Number.POSITIVE_INFINITY
        for (let round = 0; round < ROUNDS; round += 1) {
          const cost = await send(shape, way)
          n += 1
          expect([shape.name, cost.status < 500]).toEqual([shape.name, true])
          least = Math.min(least, cost.heldMs)
          worst.memory = Math.max(worst.memory, (cost.grownBytes - FLOOR_BYTES) / cost.bytes)
          worst.cpu = Math.max(worst.cpu, (cost.gatewayMs - FLOOR_MS) / Math.max(0.05, cost.clientMs))
          expect(cost.grownBytes).toBeLessThan(FLOOR_BYTES + TIMES * cost.bytes)
          expect(cost.gatewayMs).toBeLessThan(FLOOR_MS + TIMES * Math.max(0.05, cost.clientMs))
        }
        // Of several rounds the best: what others on the machine did is not the request's.
        held.push({ milliseconds: least, by: `${shape.name} (${way.front.name} → ${way.model})` })
        expect([shape.name, way.model, least < HELD_MS * (isLong ? 1 : 10) || least]).toEqual([
          shape.name,
          way.model,
          true,
        ])
      }
    },
    120_000,
  )
})

test('G11: nothing escaped', () => cleanEnd(gateway))
