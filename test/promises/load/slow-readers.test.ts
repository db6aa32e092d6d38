import { expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { startGateway } from '../../rig/gateway.ts'
import { figure, isLong, percentile, size } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { ask } from '../support/stage.ts'
import { cleanEnd } from './support/clean-end.ts'
import { Probe } from './support/probe.ts'
import { TorrentUpstream } from './support/torrent-upstream.ts'

/** A11: a slow reader costs bounded memory, and does not slow the others. */

const SLOW = size(60, 500)
const NORMAL = size(20, 100)
const SECONDS = size(4, 30)
const SLOW_BYTES_PER_SECOND = 1_000
const LIMIT_KB = 128

/** Reads a kilobyte a second, from a window that is full at once. */
function slowReader(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const body = JSON.stringify(chatFront.body('openai/m', 'torrent', true))
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST ${chatFront.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
      socket.pause()
      const reading = setInterval(() => socket.read(SLOW_BYTES_PER_SECOND), 1_000)
      socket.on('close', () => clearInterval(reading))
      resolve(socket)
    })
    socket.on('error', () => {})
  })
}

/** Streams of ordinary readers; how long each took. */
async function streams(url: string): Promise<number[]> {
  const seen = await Promise.all(
    Array.from({ length: NORMAL }, () =>
      ask(url, chatFront, { model: 'openai/m', content: 'calm', stream: true }),
    ),
  )
  expect(seen.filter(({ status, broken }) => status !== 200 || broken)).toEqual([])
  return seen.map(({ milliseconds }) => milliseconds)
}

test('A11: slow readers beside ordinary ones', async () => {
  const probe = new Probe()
  const upstream = new TorrentUpstream(SECONDS * 1_000)
  await upstream.listen()
  const gateway = await startGateway({
    args: ['--open'],
    env: { ...probe.environment, OPENAI_BASE_URL: `${upstream.url}/v1`, OPENAI_API_KEY: 'key-0123456789' },
  })
  try {
    const { url } = gateway
    await streams(url)
    const alone = await streams(url)
    const before = await probe.memory()
    const readers = await Promise.all(Array.from({ length: SLOW }, () => slowReader(url)))
    const beside = await streams(url)
    const taken = upstream.taken
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
    // They were held back by now: the upstream is rid of no more than systems hold for two connections each.
    await Bun.sleep(1_000)
    expect((upstream.taken - taken) / SLOW).toBeLessThan(100_000)
    expect(growthKb).toBeLessThan(isLong ? LIMIT_KB : 2 * LIMIT_KB)
    if (isLong) expect(percentile(beside, 0.99)).toBeLessThan(1.1 * percentile(alone, 0.99))
    for (const socket of readers) socket.destroy()
    await cleanEnd(gateway)
  } finally {
    gateway.kill('SIGKILL')
    await gateway.exited
    upstream.close()
    probe.close()
  }
}, 300_000)
