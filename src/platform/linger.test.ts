import { afterAll, beforeAll, expect, test } from 'bun:test'
import { lingering } from './linger.ts'
import { type Listener, listen } from './serve.ts'
import { holds, rawClient } from './testing.ts'

const ANSWER = '{"error":"too large"}'
const LIMIT = 3_000_000

let listener: Listener
beforeAll(() => {
  listener = listen({
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 1_000_000_000,
    handle: (request) =>
      lingering(request, new Response(ANSWER, { status: 413, headers: { 'x-mark': 'kept' } }), {
        bytes: LIMIT,
        silenceMs: 100,
        totalMs: 2_000,
      }),
  })
})
afterAll(() => listener.close())

const head = (length: number): string => `POST / HTTP/1.1\r\nhost: test\r\ncontent-length: ${length}\r\n\r\n`

test('a client that sends nothing has its answer at once, and its end soon', async () => {
  const client = rawClient(listener.port, head(50_000_000))
  const begun = performance.now()
  expect(await holds(() => client.text().includes(ANSWER))).toBe(true)
  expect(performance.now() - begun).toBeLessThan(90)
  expect(client.text()).toMatch(/^HTTP\/1\.1 413 /)
  expect(client.text()).toMatch(/\r\nx-mark: kept\r\n/i)
  expect(client.text()).toMatch(/\r\nconnection: close\r\n/i)
  expect(await holds(() => client.ended)).toBe(true)
})

test('a client that sends on reads its whole answer, and is stopped at the limit', async () => {
  const client = rawClient(listener.port, head(500_000_000))
  const piece = Buffer.alloc(100_000, 'a')
  const send = (): void => {
    while (!client.ended && client.socket.writable) if (!client.socket.write(piece)) break
  }
  client.socket.on('drain', send)
  send()
  expect(await holds(() => client.ended)).toBe(true)
  expect(client.text()).toContain(ANSWER)
  // What the system holds of it for both sides was never read.
  expect(client.socket.bytesWritten).toBeLessThan(LIMIT + 20_000_000)
})

test('a common client with a body that is too large reads the answer', async () => {
  const body = 'x'.repeat(40_000_000)
  for (let count = 0; count < 10; count += 1) {
    const response = await fetch(listener.url, { method: 'POST', body })
    expect([response.status, await response.text()]).toEqual([413, ANSWER])
  }
})

test('one that leaves leaves nothing behind', async () => {
  const client = rawClient(listener.port, head(50_000_000))
  await holds(() => client.text().includes(ANSWER))
  client.socket.resetAndDestroy()
  expect((await fetch(listener.url, { method: 'POST', body: 'x' })).status).toBe(413)
})
