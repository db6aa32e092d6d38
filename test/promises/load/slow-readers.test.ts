import { expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import type { Fault } from '../../rig/fault/fault.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, isLong, percentile, size } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { ask, modelToml, openStage, upstreams } from '../support/stage.ts'
import { Probe } from './support/probe.ts'

/** A11: a slow reader costs bounded memory, and does not slow the others. */

const SLOW = size(60, 500)
const NORMAL = size(20, 100)
const SECONDS = size(4, 30)
const SLOW_BYTES_PER_SECOND = 1_000
const LIMIT_KB = 128

/** An event of 20 KB every 20 ms: a megabyte a second for whoever takes it. */
const torrent: Fault = { paceMs: 20, events: (events) => events.flatMap((event) => Array(4_000).fill(event)) }
const flood = `[scene:big-event@20000] ${customFault(torrent)}`
const calm = `[scene:long@${SECONDS * 10}] ${customFault({ paceMs: 100 })}`

/** Reads a kilobyte a second, from a window that is full at once. */
function slowReader(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const body = JSON.stringify(chatFront.body('chat-completions', flood, true))
  return new Promise((resolve) => {
    const socket = connect(
      { port: Number(port), host: hostname, highWaterMark: SLOW_BYTES_PER_SECOND },
      () => {
        socket.write(
          `POST ${chatFront.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        )
        socket.pause()
        const reading = setInterval(() => socket.read(SLOW_BYTES_PER_SECOND), 1_000)
        socket.on('close', () => clearInterval(reading))
        resolve(socket)
      },
    )
    socket.on('error', () => {})
  })
}

/** Streams of ordinary readers; how long each took. */
async function streams(url: string): Promise<number[]> {
  const seen = await Promise.all(
    Array.from({ length: NORMAL }, () =>
      ask(url, chatFront, { model: 'chat-completions', content: calm, stream: true }),
    ),
  )
  expect(seen.filter(({ status, broken }) => status !== 200 || broken)).toEqual([])
  return seen.map(({ milliseconds }) => milliseconds)
}

test('A11: slow readers beside ordinary ones', async () => {
  const probe = new Probe()
  const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
  const stage = await openStage({ toml: models.join(''), env: probe.environment })
  try {
    const { url } = stage.gateway
    const alone = await streams(url)
    const before = await probe.memory()
    const readers = await Promise.all(Array.from({ length: SLOW }, () => slowReader(url)))
    const beside = await streams(url)
    const during = await probe.memory()
    const growthKb = (during.residentBytes - before.residentBytes) / 1024 / SLOW
    figure('A11', {
      slow: SLOW,
      normal: NORMAL,
      seconds: SECONDS,
      kb_per_slow_client: Math.round(growthKb),
      limit_kb: LIMIT_KB,
      p99_ms: Math.round(percentile(beside, 0.99)),
      p99_alone_ms: Math.round(percentile(alone, 0.99)),
    })
    // They were held back, and not fed from a store that grows.
    expect(stage.upstream.answering()).toBeGreaterThanOrEqual(SLOW)
    expect(growthKb).toBeLessThan(isLong ? LIMIT_KB : 2 * LIMIT_KB)
    if (isLong) expect(percentile(beside, 0.99)).toBeLessThan(1.1 * percentile(alone, 0.99))
    for (const socket of readers) socket.destroy()
    expect(await stage.gateway.stop()).toBe(0)
  } finally {
    await stage.close()
    probe.close()
  }
}, 300_000)
