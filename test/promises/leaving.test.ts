import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdirSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import type { Fault } from '../rig/fault/fault.ts'
import { random } from '../rig/http/deliver.ts'
import { sendRaw, swarm } from '../rig/swarm.ts'
import { customFault } from './support/custom-fault.ts'
import { figure, percentile, size } from './support/figure.ts'
import { type Front, fronts } from './support/fronts.ts'
import { modelToml, openStage, type Stage, upstreams } from './support/stage.ts'

/** A12 when the client leaves, the upstream is closed at once. */

const LIMIT_MS = 100
const COUNT = size(520, 2_000)
const SEED = 20_261_120

let stage: Stage
beforeAll(async () => {
  const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
  stage = await openStage({ toml: models.join('') })
})
afterAll(() => stage.close())

const next = random(SEED)
const delays: number[] = []
let served = 0
/** Connections kept for the next call, at most. */
let kept = 0
afterAll(() => {
  figure('A12', {
    n: delays.length,
    seed: SEED,
    p50_ms: Math.round(percentile(delays, 0.5)),
    p99_ms: Math.round(percentile(delays, 0.99)),
    limit_ms: LIMIT_MS,
    ended_before_leaving: served,
    kept_connections: kept,
  })
})

/** Waits until the upstream has seen the end of this call; counts the milliseconds since its client left. */
async function upstreamClosed(word: string, leftAt: number): Promise<void> {
  const [entry] = stage.upstream.ledger.withText(word)
  // It left before the gateway had its whole request: nothing was ever sent.
  if (entry === undefined) return
  await stage.upstream.ledger.until(() => entry.ended !== undefined, 5_000)
  if (entry.ended === 'client') delays.push(Math.max(0, performance.now() - leftAt))
  else served += 1
}

const cells = fronts.flatMap((front) => upstreams.map(({ dialect }) => [front.name, dialect, front] as const))

const slowly: Fault = { paceMs: 15 }
let serial = 0
const newWord = (): string => `leaver-${(serial += 1)}-end`

/** `ss` without the program: how many sockets a process holds. Standard error may be open twice. */
function sockets(pid: number): number {
  const folder = `/proc/${pid}/fd`
  const target = (name: string): string => {
    try {
      return readlinkSync(`${folder}/${name}`)
    } catch {
      return ''
    }
  }
  return new Set(
    readdirSync(folder)
      .map(target)
      .filter((found) => found.startsWith('socket:')),
  ).size
}

/** The gateway's sockets but for kept connections: one that stood only after its client had left may serve another. */
function held(): number {
  return sockets(stage.gateway.pid) - stage.upstream.connections()
}

async function nothingLeft(before: number): Promise<void> {
  const deadline = performance.now() + 1_000
  const left = (): number => stage.upstream.answering() + Math.max(0, held() - before)
  while (left() > 0 && performance.now() < deadline) await Bun.sleep(20)
  expect({ answering: stage.upstream.answering(), sockets: Math.max(0, held() - before) }).toEqual({
    answering: 0,
    sockets: 0,
  })
  kept = Math.max(kept, stage.upstream.connections())
}

test.each(cells)(
  'A12: clients leave a stream at random bytes: %s client, %s upstream',
  async (_, dialect, front) => {
    const before = held()
    await swarm(Math.ceil(COUNT / 6), 12, async () => {
      const word = newWord()
      const content = `[scene:long@150] ${customFault(slowly)} ${word}`
      const abort = { atByte: 1 + Math.floor(next() * 4_000), how: next() < 0.7 ? 'rst' : 'fin' } as const
      const request = { url: stage.gateway.url, path: front.path, body: front.body(dialect, content, true) }
      const seen = await sendRaw(request, { abort })
      const leftAt = performance.now()
      expect(seen.ended).toBe('aborted')
      await upstreamClosed(word, leftAt)
    })
    await nothingLeft(before)
  },
)

/** Sends a whole request and leaves after some milliseconds, without waiting for a byte. */
async function leaveAfter(front: Front, dialect: string, content: string, ms: number): Promise<number> {
  const { hostname, port } = new URL(stage.gateway.url)
  const body = JSON.stringify(front.body(dialect, content, false))
  const head = `POST ${front.path} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(head + body)
      setTimeout(() => {
        socket.resetAndDestroy()
        resolve(performance.now())
      }, ms)
    })
    socket.on('error', () => {})
  })
}

test.each(cells)(
  'A12: clients leave before a whole answer: %s client, %s upstream',
  async (_, dialect, front) => {
    const before = held()
    const places = ['wire', 'body'] as const
    await swarm(Math.ceil(COUNT / 6), 12, async (index) => {
      const word = newWord()
      const at = Math.floor(next() * 60)
      const stalls = [{ at, of: places[index % 2] ?? 'wire', ms: Number.POSITIVE_INFINITY }]
      const content = `[scene:long@20] ${customFault({ stalls })} ${word}`
      const leftAt = await leaveAfter(front, dialect, content, 5 + next() * 60)
      await upstreamClosed(word, leftAt)
    })
    await nothingLeft(before)
  },
)

test('A12: the upstream is closed within the limit', () => {
  expect(delays.length).toBeGreaterThan(COUNT)
  expect(percentile(delays, 0.99)).toBeLessThan(LIMIT_MS)
})
