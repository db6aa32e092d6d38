import { describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { GatewayError } from '../protocol/model/error.ts'
import type { Timeouts } from './deadline.ts'
import { sendByFetch } from './fetch-send.ts'
import { type Send, send } from './send.ts'
import { CHUNKED, chunk, HEAD, requestTo, type Script, scriptedUpstream } from './testing.ts'

const SLACK_MILLISECONDS = 250

interface Ending {
  code: string | undefined
  milliseconds: number
  read: string
  /** It is not the upstream's fault. */
  blameless: boolean
}

/** Reads to the end, waiting `pauseMs` before each read but the first. */
async function ending(by: Send, script: Script, timeouts: Timeouts, pauseMs = 0): Promise<Ending> {
  const upstream = await scriptedUpstream(script)
  const startedAt = performance.now()
  let read = ''
  const over = (code?: string, blameless = false): Ending => ({
    code,
    milliseconds: performance.now() - startedAt,
    read,
    blameless,
  })
  try {
    const response = await by(requestTo(upstream.url, timeouts))
    for (;;) {
      if (pauseMs > 0 && read !== '') await new Promise((resolve) => setTimeout(resolve, pauseMs))
      const bytes = await response.body.read()
      if (bytes === undefined) return over()
      read += Buffer.from(bytes).toString()
    }
  } catch (thrown) {
    if (thrown instanceof GatewayError) return over(thrown.details.code, thrown.details.blameless)
    throw thrown
  } finally {
    upstream.close()
  }
}

/** One byte of an event every 20 ms. */
function trickle(socket: Socket): void {
  socket.write(CHUNKED)
  const timer = setInterval(() => socket.write(chunk('x')), 20)
  socket.on('close', () => clearInterval(timer))
}

const cases: [string, Script, Timeouts, string, number][] = [
  ['silence before the headers', () => {}, { firstByteMs: 300 }, 'timeout_first_byte', 300],
  [
    'silence behind the headers',
    (socket) => socket.write(CHUNKED),
    { firstByteMs: 300 },
    'timeout_first_byte',
    300,
  ],
  [
    'silence inside the headers',
    (socket) => socket.write('HTTP/1.1 200 O'),
    { firstByteMs: 300 },
    'timeout_first_byte',
    300,
  ],
  [
    'silence between two events',
    (socket) => socket.write(CHUNKED + chunk('data: 1\n\n')),
    { firstByteMs: 100, idleMs: 300 },
    'timeout_idle',
    300,
  ],
  [
    'silence inside an event',
    (socket) => socket.write(`${CHUNKED}ff\r\ndata: half`),
    { firstByteMs: 100, idleMs: 300 },
    'timeout_idle',
    300,
  ],
  ['a trickle', trickle, { firstByteMs: 100, idleMs: 100, totalMs: 500 }, 'timeout_total', 500],
  ['silence, when only the total is limited', () => {}, { totalMs: 400 }, 'timeout_total', 400],
]

/** Our own client, and the runtime's, which serves behind proxies. */
const transports: Readonly<Record<string, Send>> = { 'our client': send, fetch: sendByFetch }

for (const [transport, by] of Object.entries(transports))
  describe(`promise A6, ${transport}: each clock ends the exchange within its limit and 250 ms`, () => {
    for (const [name, script, timeouts, code, limit] of cases)
      test.concurrent(name, async () => {
        const ended = await Promise.all(Array.from({ length: 5 }, () => ending(by, script, timeouts)))
        const late = Math.max(...ended.map(({ milliseconds }) => milliseconds - limit))
        console.info(
          `A6 ${transport}, ${name}: n=${ended.length}, at most ${late.toFixed(0)} ms after the limit of ${limit} ms`,
        )
        for (const one of ended) {
          expect(one.code).toBe(code)
          expect(one.blameless).toBe(false)
          expect(one.milliseconds).toBeGreaterThanOrEqual(limit)
          expect(one.milliseconds).toBeLessThan(limit + SLACK_MILLISECONDS)
        }
      })

    test.concurrent('a client that reads slowly is not the upstream being silent', async () => {
      const script: Script = (socket) => {
        socket.write(CHUNKED)
        const events = setInterval(() => socket.write(chunk('x')), 50)
        setTimeout(() => {
          clearInterval(events)
          socket.write('0\r\n\r\n')
        }, 1_000)
      }
      const ended = await ending(by, script, { firstByteMs: 2_000, idleMs: 250 }, 400)
      expect(ended.code).toBeUndefined()
      expect(ended.read).toMatch(/^x{15,20}$/)
    })

    test.concurrent('nor is it when so much waits for the client that the upstream is held', async () => {
      const size = 24 * 1_048_576
      const script: Script = (socket) => {
        socket.write(`${HEAD}content-length: ${size}\r\n\r\n`)
        socket.write(Buffer.alloc(size, 'x'))
      }
      const ended = await ending(by, script, { firstByteMs: 5_000, idleMs: 100 }, 20)
      expect([ended.code, ended.read.length]).toEqual([undefined, size])
    }, 30_000)

    test.concurrent('the total clock runs also while nobody reads', async () => {
      const ended = await ending(by, trickle, { totalMs: 300 }, 800)
      expect(ended).toMatchObject({ code: 'timeout_total', blameless: true })
    })

    test.concurrent('whoever did not take its bytes cannot blame an upstream that breaks off', async () => {
      const script: Script = (socket) => {
        socket.write(CHUNKED + chunk('x'))
        setTimeout(() => socket.destroy(), 300)
      }
      const slow = await ending(by, script, {}, 500)
      expect(slow).toMatchObject({ code: 'upstream_ended_early', blameless: true })
      const prompt = await ending(by, script, {})
      expect(prompt).toMatchObject({ code: 'upstream_ended_early', blameless: false })
    })

    test.concurrent('an answer in time ends without an error', async () => {
      const script: Script = (socket) => socket.write(`${CHUNKED + chunk('ok')}0\r\n\r\n`)
      const ended = await ending(by, script, { connectMs: 500, firstByteMs: 500, idleMs: 500, totalMs: 500 })
      expect(ended.read).toBe('ok')
    })
  })

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
  const fillers = Array.from({ length: QUEUE }, () => connect({ port, host: '127.0.0.1' }))
  for (const socket of fillers) socket.on('error', () => {})
  await new Promise((resolve) => setTimeout(resolve, 200))
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
      expect(took).toBeLessThan(connectMs + SLACK_MILLISECONDS)
      console.info(`A6 connect: ${took.toFixed(0)} ms for a limit of ${connectMs} ms`)
    }
    hole.close()
  }, 15_000)

  test('a host that connects and thinks longer than the connect clock is left alone', async () => {
    const script: Script = (socket) => {
      setTimeout(() => socket.write(`${CHUNKED + chunk('ok')}0\r\n\r\n`), 600)
    }
    expect((await ending(send, script, { connectMs: 200, firstByteMs: 5_000 })).read).toBe('ok')
  })
})
