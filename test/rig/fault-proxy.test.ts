import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { type FaultProxy, type ProxyMode, startFaultProxy } from './fault-proxy.ts'
import { bytesOf } from './http/reply.ts'
import { type RawServer, startServer } from './http/server.ts'

const BODY = 'x'.repeat(1000)

let server: RawServer
let proxy: FaultProxy
beforeAll(async () => {
  server = await startServer(() => ({
    reply: { status: 200, headers: [], parts: [bytesOf(BODY)], framing: 'length', produced: [] },
    fault: {},
    finished: () => {},
  }))
  proxy = await startFaultProxy({ host: '127.0.0.1', port: server.port })
})
afterAll(async () => {
  await proxy.close()
  await server.close()
})

/** Asks once; what came, how it ended, and how long it took. Gives up after `patienceMs`. */
function ask(patienceMs = 2000): Promise<{ bytes: number; ended: string; ms: number }> {
  const begun = performance.now()
  return new Promise((resolve) => {
    let bytes = 0
    const socket = connect(proxy.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'))
    const end = (ended: string): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ bytes, ended, ms: performance.now() - begun })
    }
    const timer = setTimeout(() => end('silence'), patienceMs)
    socket.on('data', (chunk) => {
      bytes += chunk.length
      if (bytes > BODY.length) end('complete')
    })
    socket.on('end', () => end('fin'))
    socket.on('error', (error) => end('code' in error ? String(error.code) : 'error'))
  })
}

const cases: [string, ProxyMode, (seen: Awaited<ReturnType<typeof ask>>) => void][] = [
  ['pass', { kind: 'pass' }, (seen) => expect(seen.ended).toBe('complete')],
  ['refuse', { kind: 'refuse' }, (seen) => expect(seen.ended).toBe('ECONNREFUSED')],
  ['pass again on the same port', { kind: 'pass' }, (seen) => expect(seen.ended).toBe('complete')],
  ['blackhole', { kind: 'blackhole' }, (seen) => expect(seen).toMatchObject({ ended: 'silence', bytes: 0 })],
  ['reset', { kind: 'reset' }, (seen) => expect(seen.ended).toBe('ECONNRESET')],
  ['latency', { kind: 'pass', latencyMs: 30 }, (seen) => expect(seen.ms).toBeGreaterThan(55)],
  [
    'cut by FIN',
    { kind: 'pass', cut: { after: 500, how: 'fin' } },
    (seen) => expect(seen).toMatchObject({ bytes: 500, ended: 'fin' }),
  ],
  [
    'cut by RST',
    { kind: 'pass', cut: { after: 500, how: 'rst' } },
    (seen) => expect(seen.ended).toBe('ECONNRESET'),
  ],
  ['half-close', { kind: 'half-close' }, (seen) => expect(seen.bytes).toBeGreaterThan(0)],
]

for (const [name, mode, check] of cases)
  test(name, async () => {
    await proxy.set(mode)
    check(await ask(mode.kind === 'blackhole' ? 80 : 2000))
  })

test('rate', async () => {
  await proxy.set({ kind: 'pass', bytesPerSecond: 10_000 })
  const { ms, ended } = await ask()
  expect(ended).toBe('complete')
  expect(ms).toBeGreaterThan(90)
})
