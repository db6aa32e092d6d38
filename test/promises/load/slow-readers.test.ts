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

/** All at once they would be more than a gateway can read: they come in groups, each of which is stalled before the next. */
const GROUP = 20
/** Each fills some ten megabytes of the system's memory for sockets, of which there are two gigabytes. */
const SLOW = size(40, 160)
const NORMAL = size(20, 100)
const SECONDS = size(3, 30)
const LIMIT_KB = 128

/** Takes nothing of its answer: slower than any kilobyte a second, which this runtime's sockets cannot be told to read. */
function slowReader(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const body = JSON.stringify(chatFront.body('openai/m', 'torrent', true))
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST ${chatFront.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
      socket.pause()
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

/** Until the upstream is rid of nothing more: the gateway does not read on. */
async function stalled(upstream: TorrentUpstream): Promise<void> {
  const end = performance.now() + 60_000
  for (let before = -1; upstream.taken > before; ) {
    if (performance.now() > end) throw new Error('the gateway reads on although nobody takes what it reads')
    before = upstream.taken
    await Bun.sleep(500)
  }
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
    const readers: Socket[] = []
    while (readers.length < SLOW) {
      readers.push(...(await Promise.all(Array.from({ length: GROUP }, () => slowReader(url)))))
      await stalled(upstream)
    }
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
