import { afterAll, describe, expect, test } from 'bun:test'
import type { Socket } from 'node:net'
import { GatewayError } from '../protocol/model/error.ts'
import { sendByFetch } from './fetch-send.ts'
import { type Send, send, type UpstreamRequest } from './send.ts'
import { readAll } from './source.ts'
import { CHUNKED, chunk, HEAD, requestTo, type Script, scriptedUpstream, strayErrors } from './testing.ts'

const stray = strayErrors()

/** What a request came to: status and text of the answer, and the error that ended it. */
interface Outcome {
  status?: number
  text: string
  code?: string | undefined
  kind?: string
}

async function outcomeOf(by: Send, request: UpstreamRequest): Promise<Outcome> {
  const outcome: Outcome = { text: '' }
  try {
    const response = await by(request)
    outcome.status = response.status
    for (;;) {
      const bytes = await response.body.read()
      if (bytes === undefined) return outcome
      outcome.text += Buffer.from(bytes).toString()
    }
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    return { ...outcome, code: thrown.details.code, kind: thrown.kind }
  }
}

async function against(by: Send, script: Script): Promise<Outcome> {
  const upstream = await scriptedUpstream(script)
  try {
    return await outcomeOf(by, requestTo(upstream.url, { firstByteMs: 5_000, idleMs: 5_000 }))
  } finally {
    upstream.close()
  }
}

/** Sends what it has, then ends the connection once that has arrived. */
function thenEnd(socket: Socket, text: string, how: 'end' | 'resetAndDestroy'): void {
  socket.write(text)
  setTimeout(() => socket[how](), 30)
}

/** Our own client, and the runtime's, which serves behind proxies. */
const transports: Readonly<Record<string, Send>> = { 'our client': send, fetch: sendByFetch }

for (const [transport, by] of Object.entries(transports)) suite(transport, by)

function suite(transport: string, by: Send): void {
  describe(`${transport}: every way an answer can go`, () => {
    const ok = { status: 200, text: 'hello' }
    const lost = { text: '', kind: 'upstream_failed', code: 'connection_lost' }
    const notHttp = { text: '', kind: 'upstream_invalid', code: 'upstream_not_http' }
    const broken = { status: 200, text: 'hello', kind: 'upstream_failed', code: 'upstream_ended_early' }
    const cases: [string, Script, Outcome][] = [
      ['content-length', (socket) => socket.write(`${HEAD}content-length: 5\r\n\r\nhello`), ok],
      ['chunked', (socket) => socket.write(`${CHUNKED}${chunk('hel')}${chunk('lo')}0\r\n\r\n`), ok],
      ['until the end', (socket) => socket.end(`${HEAD}connection: close\r\n\r\nhello`), ok],
      ['bytes after the end', (socket) => socket.write(`${HEAD}content-length: 5\r\n\r\nhello more`), ok],
      ['no content', (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'), { status: 204, text: '' }],
      [
        'informational answers first',
        (socket) =>
          socket.write(
            `HTTP/1.1 100 Continue\r\n\r\n${'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(500)}${HEAD}content-length: 5\r\n\r\nhello`,
          ),
        ok,
      ],
      [
        'a redirect is an answer, not a way to go',
        (socket) =>
          socket.write('HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n'),
        { status: 302, text: '' },
      ],
      ['reset before the headers', (socket) => socket.resetAndDestroy(), lost],
      ['end before the headers', (socket) => socket.end(), lost],
      ['end inside the headers', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-ty'), lost],
      ['another protocol', (socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'), notHttp],
      [
        'two lengths',
        (socket) => socket.write(`${HEAD}content-length: 5\r\ncontent-length: 7\r\n\r\nhello`),
        notHttp,
      ],
      [
        'an upgrade nobody asked for',
        (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'),
        notHttp,
      ],
      [
        'reset in a chunked body',
        (socket) => thenEnd(socket, CHUNKED + chunk('hello'), 'resetAndDestroy'),
        broken,
      ],
      ['end in a chunked body', (socket) => thenEnd(socket, CHUNKED + chunk('hello'), 'end'), broken],
      ['end inside a chunk', (socket) => thenEnd(socket, `${CHUNKED}ff\r\nhello`, 'end'), broken],
      [
        'reset in a body of known length',
        (socket) => thenEnd(socket, `${HEAD}content-length: 50\r\n\r\nhello`, 'resetAndDestroy'),
        broken,
      ],
      [
        'end in a body of known length',
        (socket) => thenEnd(socket, `${HEAD}content-length: 50\r\n\r\nhello`, 'end'),
        broken,
      ],
      [
        'a chunk size that is none',
        (socket) => {
          socket.write(CHUNKED + chunk('hello'))
          setTimeout(() => socket.write('zz\r\n'), 30)
        },
        broken,
      ],
    ]
    for (const [name, script, expected] of cases)
      test(name, async () => {
        expect(await against(by, script)).toEqual(expected)
      })

    test('an end that comes together with the last bytes is an error too, though it may take them away', async () => {
      const { text, code } = await against(by, (socket) => socket.end(CHUNKED + chunk('hello')))
      expect(code).toBe('upstream_ended_early')
      expect(['', 'hello']).toContain(text)
    })

    test('refused', async () => {
      const upstream = await scriptedUpstream(() => {})
      upstream.close()
      const outcome = await outcomeOf(by, requestTo(upstream.url))
      expect(outcome).toEqual({ text: '', kind: 'upstream_failed', code: 'connection_failed' })
    })

    test('a host that has no address', async () => {
      const outcome = await outcomeOf(by, requestTo('http://nothing.invalid/'))
      expect(outcome).toEqual({ text: '', kind: 'upstream_failed', code: 'connection_failed' })
    })

    test('TLS where there is none', async () => {
      const upstream = await scriptedUpstream(() => {})
      const outcome = await outcomeOf(
        by,
        requestTo(upstream.url.replace('http:', 'https:'), { firstByteMs: 300 }),
      )
      upstream.close()
      expect(outcome.status).toBeUndefined()
      expect(['connection_failed', 'connection_lost', 'timeout_first_byte']).toContain(outcome.code ?? '')
    })

    for (const url of ['', 'nonsense', 'file:///etc/hostname', 's3://bucket/key', 'http://127.0.0.1:99999/'])
      test(`the address ${JSON.stringify(url)} is refused before anything is sent`, async () => {
        expect((await outcomeOf(by, requestTo(url))).kind).toBe('internal')
      })

    test('a header that cannot be written is our fault, and its value stays out of the message', async () => {
      const request = requestTo('http://127.0.0.1:1/')
      request.headers['authorization'] = 'Bearer canary\r\nx: y'
      const thrown = await by(request).catch((error: unknown) => error)
      expect(thrown).toBeInstanceOf(GatewayError)
      expect((thrown as GatewayError).kind).toBe('internal')
      expect((thrown as GatewayError).message).not.toContain('canary')
    })
  })

  describe(`${transport}: promise A10: an endless answer is bounded`, () => {
    /** Writes for as long as the other side takes it. */
    function endlessly(socket: Socket, text: string): void {
      const block = Buffer.from(text.repeat(Math.ceil(65_536 / text.length)))
      const more = (): void => {
        while (!socket.destroyed && socket.write(block)) {}
      }
      socket.on('drain', more)
      more()
    }

    const endless: [string, string, string][] = [
      ['a header block', HEAD, 'x-more: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'],
      ['a header line', `${HEAD}x-more: `, 'aaaaaaaaaaaaaaaaaaaaaaaa'],
      ['a status line', 'HTTP/1.1 200 ', 'aaaaaaaaaaaaaaaaaaaaaaaa'],
      ['a chunk size', `${CHUNKED}5`, ';aaaaaaaaaaaaaaaaaaaaaaa'],
      ['informational answers', '', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'],
    ]
    for (const [name, start, text] of endless)
      test(`${name} without end`, async () => {
        const upstream = await scriptedUpstream((socket) => {
          socket.write(start)
          endlessly(socket, text)
        })
        const before = process.memoryUsage().rss
        const startedAt = performance.now()
        const outcome = await outcomeOf(
          by,
          requestTo(upstream.url, { firstByteMs: 800, idleMs: 800, totalMs: 1_500 }),
        )
        const took = performance.now() - startedAt
        const grown = (process.memoryUsage().rss - before) / 1_048_576
        upstream.close()
        console.info(
          `A10 ${transport}, ${name} without end: ${outcome.code} after ${took.toFixed(0)} ms, +${grown.toFixed(1)} MB`,
        )
        expect(outcome.kind).toBeDefined()
        expect(took).toBeLessThan(1_750)
        expect(grown).toBeLessThan(32)
      })

    test('a body without end waits while nobody reads, and readAll stops at its limit', async () => {
      let written = 0
      const upstream = await scriptedUpstream((socket) => {
        const block = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`)
        const more = (): void => {
          do written += block.length
          while (!socket.destroyed && socket.write(block))
        }
        socket.write(CHUNKED)
        socket.on('drain', more)
        more()
      })
      const response = await by(requestTo(upstream.url))
      await response.body.read()
      const before = process.memoryUsage().rss
      await new Promise((resolve) => setTimeout(resolve, 500))
      const atRest = written
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(written).toBe(atRest)
      expect(process.memoryUsage().rss - before).toBeLessThan(16 * 1_048_576)
      await expect(readAll(response.body, 1_048_576)).rejects.toThrow('more than 1048576 bytes')
      upstream.close()
      console.info(
        `A10 ${transport}: endless body: the upstream was held after ${(atRest / 1_048_576).toFixed(1)} MB`,
      )
    })
  })

  describe(`${transport}: promise A12: leaving closes the upstream at once`, () => {
    test('200 aborts at random moments, before the headers and in the body', async () => {
      const upstream = await scriptedUpstream((socket) => {
        setTimeout(() => {
          if (!socket.destroyed) socket.write(CHUNKED)
          const events = setInterval(() => socket.write(chunk('data: {}\n\n')), 2)
          socket.on('close', () => clearInterval(events))
        }, 8)
      })
      const kinds = new Map<string, number>()
      const times: number[] = []
      let seed = 7
      for (let number = 0; number < 200; number += 1) {
        const controller = new AbortController()
        seed = (seed * 16_807) % 2_147_483_647
        let abortedAt = 0
        setTimeout(
          () => {
            abortedAt = performance.now()
            controller.abort()
          },
          2 + (seed % 18),
        )
        const id = `abort-${number}`
        const { kind, status } = await outcomeOf(
          by,
          requestTo(upstream.url, {}, { id, signal: controller.signal }),
        )
        const when = `${kind} ${status === undefined ? 'before' : 'in'} the answer`
        kinds.set(when, (kinds.get(when) ?? 0) + 1)
        for (
          let waits = 0;
          waits < 500 && !upstream.closedAt.has(id) && upstream.received.has(id);
          waits += 1
        )
          await new Promise((resolve) => setTimeout(resolve, 1))
        if (upstream.received.has(id))
          times.push((upstream.closedAt.get(id) ?? Number.POSITIVE_INFINITY) - abortedAt)
      }
      times.sort((one, other) => one - other)
      const p99 = times[Math.floor(times.length * 0.99)] ?? Number.POSITIVE_INFINITY
      upstream.close()
      console.info(
        `A12 ${transport}: n=${times.length}, p50 ${times[times.length >> 1]?.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
      )
      expect([...kinds.keys()].sort()).toEqual([
        'client_closed before the answer',
        'client_closed in the answer',
      ])
      expect(times.length).toBeGreaterThan(150)
      expect(p99).toBeLessThan(100)
    })

    test('cancel closes it too, also before anything was read and more than once', async () => {
      const upstream = await scriptedUpstream((socket) => socket.write(CHUNKED + chunk('hello')))
      const response = await by(requestTo(upstream.url, {}, { id: 'cancel' }))
      response.body.cancel()
      response.body.cancel()
      await new Promise((resolve) => setTimeout(resolve, 100))
      upstream.close()
      expect(upstream.closedAt.has('cancel')).toBe(true)
    })

    test('a client that has left already causes no request', async () => {
      const upstream = await scriptedUpstream((socket) => socket.end())
      expect((await outcomeOf(by, requestTo(upstream.url, {}, { signal: AbortSignal.abort() }))).kind).toBe(
        'client_closed',
      )
      upstream.close()
      expect(upstream.received.size).toBe(0)
    })
  })

  describe(`${transport}: promise A13: connections that die between two requests`, () => {
    const WORK_MILLISECONDS = 60
    const answer = `${HEAD}content-length: 2\r\n\r\nok`

    /** Answers after some work, and closes connections while they are idle, around the time they are used again. */
    function closingWhileIdle(close: (socket: Socket) => void): Script {
      const busy = new Set<Socket>()
      let seed = 11
      return (socket) => {
        busy.add(socket)
        setTimeout(() => {
          busy.delete(socket)
          if (socket.destroyed) return
          socket.write(answer)
          seed = (seed * 16_807) % 2_147_483_647
          const closeIdle = (): void => {
            if (!busy.has(socket)) close(socket)
          }
          if (seed % 3 === 0) setImmediate(closeIdle)
          else setTimeout(closeIdle, seed % 4)
        }, WORK_MILLISECONDS)
      }
    }

    async function load(by: Send, url: string, requests: number): Promise<Map<string, number>> {
      const outcomes = new Map<string, number>()
      const worker = async (first: number): Promise<void> => {
        for (let number = first; number < requests; number += 50) {
          const { code, text } = await outcomeOf(
            by,
            requestTo(url, { firstByteMs: 5_000 }, { id: `request-${number}` }),
          )
          outcomes.set(code ?? text, (outcomes.get(code ?? text) ?? 0) + 1)
          if (number % 3 === 0) await new Promise((resolve) => setTimeout(resolve, number % 5))
        }
      }
      await Promise.all(Array.from({ length: 50 }, (_, first) => worker(first)))
      return outcomes
    }

    for (const [name, close] of [
      ['closed', (socket: Socket) => socket.destroy()],
      ['reset', (socket: Socket) => socket.resetAndDestroy()],
    ] as const)
      test(`2,000 requests over connections ${name} at random around reuse: no error, none done twice`, async () => {
        const upstream = await scriptedUpstream(closingWhileIdle(close))
        const outcomes = await load(by, upstream.url, 2_000)
        upstream.close()
        const twice = [...upstream.received.values()].filter((times) => times > 1).length
        console.info(
          `A13 ${transport}, ${name}: n=2000, connections ${upstream.connections}, done twice ${twice}`,
        )
        expect(Object.fromEntries(outcomes)).toEqual({ ok: 2_000 })
        expect(twice).toBe(0)
      }, 60_000)

    test('promise B15: a request that was worked on is not sent again', async () => {
      const upstream = await scriptedUpstream((socket, { number }) => {
        setTimeout(() => (number === 1 ? socket.write(answer) : socket.resetAndDestroy()), WORK_MILLISECONDS)
      })
      for (let number = 0; number < 20; number += 1)
        await outcomeOf(by, requestTo(upstream.url, {}, { id: `request-${number}` }))
      upstream.close()
      expect([...upstream.received.values()]).toEqual(Array.from({ length: 20 }, () => 1))
    })

    test('promise B15: an upstream too quick to tell a dead connection from a dead request gets nothing twice', async () => {
      const upstream = await scriptedUpstream((socket, { number }) => {
        if (number === 1) socket.write(answer)
        else socket.resetAndDestroy()
      })
      for (let number = 0; number < 200; number += 1)
        await outcomeOf(by, requestTo(upstream.url, {}, { id: `request-${number}` }))
      upstream.close()
      expect(Math.max(...upstream.received.values())).toBe(1)
    })
  })
}

afterAll(() => {
  console.info(`G11 upstream: stray rejections and exceptions ${stray.length}`)
  expect(stray).toEqual([])
})
