import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { statusOf } from './support/watch.ts'

// B12: a client that does not read its answer says nothing about the upstream.

const TOTAL_MS = 2_000
const event = (content: string): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`
const LARGE = event('x'.repeat(60_000))

let upstream: Server
let gateway: GatewayProcess

beforeAll(async () => {
  upstream = createServer((request, response) => {
    let body = ''
    request.on('data', (bytes) => void (body += bytes))
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      // A trickle is the upstream's own slowness; the other is as fast as anybody takes it.
      if (body.includes('trickle')) {
        const timer = setInterval(() => response.write(event('x')), 50)
        response.on('close', () => clearInterval(timer))
        return
      }
      const flow = (): void => {
        while (!response.destroyed && response.write(LARGE));
        response.once('drain', flow)
      }
      flow()
    })
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  gateway = await startGateway({
    config: {
      name: 'xjp.toml',
      text: `[auth]\nmode = "open"\n[limits]\nmax_delay_ms = 0\n[circuit]\nfailure_threshold = 3\n[providers.openai]\napi_key = "sk-test"\nbase_url = "http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1"\n[models."m".primary]\nprovider = "openai"\nprovider_model_id = "gpt-4.1"\ntimeouts.total_ms = ${TOTAL_MS}\n`,
    },
  })
})
afterAll(async () => {
  gateway.kill('SIGKILL')
  await gateway.exited
  upstream.closeAllConnections()
  upstream.close()
})

/** Asks for a stream and never reads a byte of it. */
function unread(): Socket {
  const { hostname, port } = new URL(gateway.url)
  const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'much' }] })
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.pause()
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  return socket
}

async function circuit(): Promise<unknown> {
  return (await statusOf(gateway.url)).circuits[0]
}

describe('B12', () => {
  test('clients that do not read their answers never open a circuit', async () => {
    const sockets = Array.from({ length: 8 }, unread)
    await Bun.sleep(TOTAL_MS + 500)
    const before = await circuit()
    // What waits for them is let go when they leave: their calls end here.
    for (const socket of sockets) socket.resume()
    await Bun.sleep(700)
    for (const socket of sockets) socket.destroy()
    expect(before).toMatchObject({ state: 'closed', failures_in_row: 0 })
    expect(await circuit()).toMatchObject({ state: 'closed', failures_in_row: 0 })
  })

  test('an upstream that trickles opens it, so that the test above can fail', async () => {
    const asked = Array.from({ length: 3 }, () =>
      fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'trickle' }] }),
      }).then((response) => response.text()),
    )
    await Promise.all(asked)
    expect(await circuit()).toMatchObject({ state: 'open' })
  })
})
