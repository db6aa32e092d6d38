import { describe, expect, test } from 'bun:test'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { GatewayError } from '../protocol/model/error.ts'
import { ConnectClock } from './connect-clock.ts'
import { send } from './send.ts'
import { CHUNKED, chunk, requestTo, scriptedUpstream } from './testing.ts'

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** More than the runtime lets wait in the queue of a listening socket (512). */
const QUEUE = 600

/**
 * A port that takes no connection and refuses none, like a host behind a silent firewall: its queue is full. The
 * process that owns it is stopped, so nothing is ever taken from the queue.
 */
async function blackHole(): Promise<{ url: string; close(): void }> {
  const program = `
    const server = require('node:net').createServer(() => {})
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      require('node:fs').writeSync(1, String(server.address().port) + '\\n')
      process.kill(process.pid, 'SIGSTOP')
    })`
  const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe' })
  const { value } = await child.stdout.getReader().read()
  const port = Number(Buffer.from(value ?? new Uint8Array()).toString())
  const fillers: Socket[] = []
  for (let number = 0; number < QUEUE; number += 1) {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    fillers.push(socket)
  }
  await wait(200)
  return {
    url: `http://127.0.0.1:${port}/`,
    close() {
      for (const socket of fillers) socket.destroy()
      child.kill('SIGKILL')
    },
  }
}

describe('promise A6: the connect clock', () => {
  test('a host that neither takes nor refuses the connection', async () => {
    const hole = await blackHole()
    for (const connectMs of [300, 800]) {
      const startedAt = performance.now()
      const thrown = await send(requestTo(hole.url, { connectMs, firstByteMs: 5_000 })).catch(
        (error: unknown) => error,
      )
      const took = performance.now() - startedAt
      expect(thrown).toBeInstanceOf(GatewayError)
      expect((thrown as GatewayError).details.code).toBe('timeout_connect')
      expect(took).toBeGreaterThanOrEqual(connectMs - 10)
      expect(took).toBeLessThan(connectMs + 250)
      console.info(`A6 connect: ${took.toFixed(0)} ms for a limit of ${connectMs} ms`)
    }
    hole.close()
  }, 15_000)

  test('a host that connects and thinks longer than the connect clock is left alone', async () => {
    const upstream = await scriptedUpstream((socket) => {
      setTimeout(() => socket.write(`${CHUNKED + chunk('ok')}0\r\n\r\n`), 600)
    })
    const response = await send(requestTo(upstream.url, { connectMs: 200, firstByteMs: 5_000 }))
    expect(Buffer.from((await response.body.read()) ?? []).toString()).toBe('ok')
    upstream.close()
    // One for the request, one for the probe.
    expect(upstream.connections).toBe(2)
  })

  test('an origin that answered lately is not probed', async () => {
    const upstream = await scriptedUpstream((socket) => {
      setTimeout(() => socket.write(`${CHUNKED + chunk('ok')}0\r\n\r\n`), 150)
    })
    const request = requestTo(upstream.url, { connectMs: 100 })
    for (let times = 0; times < 3; times += 1) {
      const { body } = await send(request)
      while ((await body.read()) !== undefined) {}
    }
    upstream.close()
    expect(upstream.connections).toBe(2)
  })

  test('a stopped clock neither probes nor calls', async () => {
    let probes = 0
    let calls = 0
    const server = createServer(() => {
      probes += 1
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const clock = new ConnectClock(url, 40, () => {
      calls += 1
    })
    clock.stop()
    await wait(120)
    server.close()
    expect([probes, calls]).toEqual([0, 0])
  })

  test('a refused probe is left to the request itself', async () => {
    let calls = 0
    const clock = new ConnectClock(new URL('http://127.0.0.1:1/'), 40, () => {
      calls += 1
    })
    await wait(150)
    clock.stop()
    expect(calls).toBe(0)
  })
})
