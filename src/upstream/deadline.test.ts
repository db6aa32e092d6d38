import { describe, expect, test } from 'bun:test'
import type { Socket } from 'node:net'
import { GatewayError } from '../protocol/model/error.ts'
import type { Timeouts } from './deadline.ts'
import { send } from './send.ts'
import { CHUNKED, chunk, requestTo, type Script, scriptedUpstream } from './testing.ts'

const SLACK_MILLISECONDS = 250

interface Ending {
  code: string | undefined
  milliseconds: number
  read: string
}

/** Reads to the end, waiting `pauseMs` before each read. */
async function ending(script: Script, timeouts: Timeouts, pauseMs = 0): Promise<Ending> {
  const upstream = await scriptedUpstream(script)
  const startedAt = performance.now()
  let read = ''
  const over = (code?: string): Ending => ({ code, milliseconds: performance.now() - startedAt, read })
  try {
    const response = await send(requestTo(upstream.url, timeouts))
    for (;;) {
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
      const bytes = await response.body.read()
      if (bytes === undefined) return over()
      read += Buffer.from(bytes).toString()
    }
  } catch (thrown) {
    if (thrown instanceof GatewayError) return over(thrown.details.code)
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

describe('promise A6: each clock ends the exchange within its limit and 250 ms', () => {
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
  for (const [name, script, timeouts, code, limit] of cases)
    test(name, async () => {
      const ended = await Promise.all(Array.from({ length: 5 }, () => ending(script, timeouts)))
      const late = Math.max(...ended.map(({ milliseconds }) => milliseconds - limit))
      console.info(
        `A6 ${name}: n=${ended.length}, at most ${late.toFixed(0)} ms after the limit of ${limit} ms`,
      )
      for (const one of ended) {
        expect(one.code).toBe(code)
        expect(one.milliseconds).toBeGreaterThanOrEqual(limit)
        expect(one.milliseconds).toBeLessThan(limit + SLACK_MILLISECONDS)
      }
    })

  test('a client that reads slowly is not the upstream being silent', async () => {
    const script: Script = (socket) => {
      socket.write(CHUNKED)
      for (const text of ['a', 'b', 'c']) socket.write(chunk(text))
      setTimeout(() => socket.write('0\r\n\r\n'), 500)
    }
    const ended = await ending(script, { firstByteMs: 2_000, idleMs: 200 }, 300)
    expect(ended).toEqual({ code: undefined, milliseconds: ended.milliseconds, read: 'abc' })
  })

  test('the total clock runs also while nobody reads', async () => {
    const ended = await ending(trickle, { totalMs: 300 }, 800)
    expect(ended.code).toBe('timeout_total')
  })

  test('an answer in time ends without an error', async () => {
    const script: Script = (socket) => socket.write(`${CHUNKED + chunk('ok')}0\r\n\r\n`)
    expect((await ending(script, { connectMs: 500, firstByteMs: 500, idleMs: 500, totalMs: 500 })).read).toBe(
      'ok',
    )
  })
})
