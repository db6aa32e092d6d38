import { afterEach, describe, expect, test } from 'bun:test'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { GatewayError } from '../../protocol/model/error.ts'
import type { UpstreamRequest } from '../request.ts'
import { readAll } from '../source.ts'
import {
  CHUNKED,
  chunk,
  HEAD,
  requestTo,
  type Script,
  type ScriptedUpstream,
  scriptedUpstream,
} from '../testing.ts'
import { sendOverHttp1 } from './client.ts'
import { placeOf } from './place.ts'
import { ConnectionPool, type PoolLimits } from './pool.ts'

const OK = `${HEAD}content-length: 2\r\n\r\nok`

/** An upstream, a pool of its own, and a clock that only moves when told. */
interface Stage {
  upstream: ScriptedUpstream
  pool: ConnectionPool
  clock: { now: number }
  /** The answer's text, or the code of the error. */
  ask(more?: Partial<UpstreamRequest>): Promise<string>
}

const open: ScriptedUpstream[] = []
afterEach(() => {
  for (const upstream of open.splice(0)) upstream.close()
})

async function stage(script: Script, limits: Partial<PoolLimits> = {}): Promise<Stage> {
  const upstream = await scriptedUpstream(script)
  open.push(upstream)
  const clock = { now: 0 }
  const pool = new ConnectionPool(limits, () => clock.now)
  return {
    upstream,
    pool,
    clock,
    async ask(more = {}) {
      const request = { ...requestTo(upstream.url, { firstByteMs: 5_000 }), ...more }
      try {
        const response = await sendOverHttp1(request, placeOf(new URL(request.url)), pool)
        return Buffer.from(await readAll(response.body, 1_000_000)).toString()
      } catch (thrown) {
        if (thrown instanceof GatewayError) return thrown.details.code ?? thrown.kind
        throw thrown
      }
    },
  }
}

/** Waits until it is so; the test's own time-out is the limit. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1))
}

describe('what is used again', () => {
  test('one connection serves one request after the other', async () => {
    const { ask, upstream, pool } = await stage((socket) => socket.write(OK))
    for (let times = 0; times < 5; times += 1) expect(await ask()).toBe('ok')
    expect([upstream.connections, pool.idleCount]).toEqual([1, 1])
  })

  test('requests at the same time have one each, and the one used last is used first', async () => {
    const served: number[] = []
    const numbers = new Map<Socket, number>()
    const { ask, upstream, pool } = await stage((socket) => {
      if (!numbers.has(socket)) numbers.set(socket, numbers.size)
      served.push(numbers.get(socket) ?? -1)
      setTimeout(() => socket.write(OK), served.length * 5)
    })
    await Promise.all([ask(), ask(), ask()])
    expect([upstream.connections, pool.idleCount]).toEqual([3, 3])
    served.length = 0
    for (let times = 0; times < 4; times += 1) await ask()
    expect(served).toEqual([2, 2, 2, 2])
  })

  test('origins do not share connections', async () => {
    const { ask, upstream, pool } = await stage((socket) => socket.write(OK))
    await ask()
    await ask({ url: upstream.url.replace('127.0.0.1', 'localhost') })
    expect([upstream.connections, pool.idleCount]).toEqual([2, 2])
  })

  const answers: [string, string, number][] = [
    ['a length', OK, 1],
    ['chunks', `${CHUNKED}${chunk('ok')}0\r\n\r\n`, 1],
    ['connection: close', `${HEAD}connection: close\r\ncontent-length: 2\r\n\r\nok`, 0],
    ['bytes after the end', `${OK}x`, 0],
    [
      'a length beside a coding',
      `${HEAD}content-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
      0,
    ],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok', 0],
    ['a peer that closes in a second', `${HEAD}keep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok`, 0],
    ['a peer that closes in a minute', `${HEAD}keep-alive: timeout=60\r\ncontent-length: 2\r\n\r\nok`, 1],
  ]
  for (const [name, answer, idle] of answers)
    test(`${name}: ${idle === 1 ? 'kept' : 'closed'}`, async () => {
      const { ask, pool, upstream } = await stage((socket) => socket.write(answer))
      expect(await ask({ headers: { 'x-id': 'one' } })).toBe('ok')
      expect(pool.idleCount).toBe(idle)
      if (idle === 0) await until(() => upstream.closedAt.has('one'))
    })

  test('an answer that comes before the request was written ends the connection', async () => {
    const pool = new ConnectionPool()
    const early = createServer((socket) => {
      socket.on('error', () => {})
      socket.pause()
      socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno')
    })
    await new Promise<void>((resolve) => early.listen(0, '127.0.0.1', resolve))
    const url = new URL(`http://127.0.0.1:${(early.address() as AddressInfo).port}/`)
    const request = { ...requestTo(url.href), body: Buffer.alloc(30_000_000) }
    const response = await sendOverHttp1(request, placeOf(url), pool)
    expect([response.status, Buffer.from(await readAll(response.body, 10)).toString()]).toEqual([413, 'no'])
    expect(pool.idleCount).toBe(0)
    early.close()
  })
})

describe('what becomes of idle connections', () => {
  test('bytes nobody asked for end one', async () => {
    const { ask, pool, upstream } = await stage((socket) => {
      socket.write(OK)
      setTimeout(() => socket.write('HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n'), 20)
    })
    expect(await ask({ headers: { 'x-id': 'one' } })).toBe('ok')
    expect(pool.idleCount).toBe(1)
    await until(() => pool.idleCount === 0 && upstream.closedAt.has('one'))
    expect(await ask()).toBe('ok')
  })

  for (const how of ['end', 'destroy', 'resetAndDestroy'] as const)
    test(`the peer's ${how} takes one out`, async () => {
      const { ask, pool, upstream } = await stage((socket) => {
        socket.write(OK)
        setTimeout(() => socket[how](), 20)
      })
      expect(await ask()).toBe('ok')
      await until(() => pool.idleCount === 0)
      expect(await ask()).toBe('ok')
      expect(upstream.connections).toBe(2)
    })

  test('after 55 seconds they are not used, and swept away', async () => {
    const { ask, clock, pool, upstream } = await stage((socket) => socket.write(OK))
    await ask({ headers: { 'x-id': 'one' } })
    clock.now = 54_999
    await ask({ headers: { 'x-id': 'one' } })
    expect(upstream.connections).toBe(1)
    clock.now += 55_000
    await ask({ headers: { 'x-id': 'two' } })
    expect([upstream.connections, pool.idleCount]).toEqual([2, 1])
    await until(() => upstream.closedAt.has('one'))
    clock.now += 55_000
    pool.sweep()
    expect(pool.idleCount).toBe(0)
    await until(() => upstream.closedAt.has('two'))
  })

  test('one is let go a second before its peer closes it', async () => {
    const { ask, clock, upstream } = await stage((socket) =>
      socket.write(`${HEAD}keep-alive: timeout=5\r\ncontent-length: 2\r\n\r\nok`),
    )
    await ask()
    clock.now = 3_999
    await ask()
    expect(upstream.connections).toBe(1)
    clock.now += 4_000
    await ask()
    expect(upstream.connections).toBe(2)
  })

  test('an origin keeps so many, and all together so many: the oldest goes', async () => {
    const { ask, pool, upstream } = await stage((socket) => setTimeout(() => socket.write(OK), 20), {
      idlePerOrigin: 3,
      idleInAll: 4,
    })
    const local = upstream.url.replace('127.0.0.1', 'localhost')
    await Promise.all(Array.from({ length: 6 }, () => ask()))
    expect(pool.idleCount).toBe(3)
    await Promise.all(Array.from({ length: 6 }, () => ask({ url: local })))
    expect(pool.idleCount).toBe(4)
  })
})

describe('requests on connections that died', () => {
  test('a peer that ended before it read the request gets it again on a fresh one, once', async () => {
    let last: Socket | undefined
    const { ask, upstream } = await stage((socket) => {
      last = socket
      socket.write(OK)
    })
    expect(await ask({ headers: { 'x-id': 'first' } })).toBe('ok')
    for (let times = 0; times < 20; times += 1) {
      // The peer's end waits in the kernel when the next request is written: nothing has told us of it.
      if (times % 2 === 0) last?.destroy()
      else last?.resetAndDestroy()
      expect(await ask({ headers: { 'x-id': `again-${times}` } })).toBe('ok')
      expect(upstream.received.get(`again-${times}`)).toBe(1)
    }
    expect(upstream.connections).toBe(21)
  })

  test('a peer that read the request and then ended does not get it again', async () => {
    const { ask, upstream } = await stage((socket, { number }) => {
      if (number === 1) socket.write(OK)
      else socket.end()
    })
    expect(await ask()).toBe('ok')
    const startedAt = performance.now()
    expect(await ask({ headers: { 'x-id': 'once' } })).toBe('connection_lost')
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    expect([upstream.received.get('once'), upstream.connections]).toEqual([1, 1])
  })

  test('a first request is not repeated', async () => {
    const { ask, upstream } = await stage((socket) => socket.destroy())
    expect(await ask()).toBe('connection_lost')
    expect(upstream.connections).toBe(1)
  })

  test('half an answer is not repeated', async () => {
    const { ask, upstream } = await stage((socket, { number }) => {
      if (number === 1) socket.write(OK)
      else socket.end('HTTP/1.1 200 OK\r\n')
    })
    expect([await ask(), await ask()]).toEqual(['ok', 'connection_lost'])
    expect(upstream.connections).toBe(1)
  })
})

describe('attempts to connect that are given up', () => {
  test('a connection that comes to stand after its request left is kept for the next', async () => {
    const { ask, pool, upstream } = await stage((socket) => socket.write(OK))
    const controller = new AbortController()
    const asked = ask({ signal: controller.signal })
    controller.abort()
    expect(await asked).toBe('client_closed')
    await until(() => pool.idleCount === 1)
    expect(await ask()).toBe('ok')
    expect([upstream.connections, upstream.received.size]).toEqual([1, 1])
  })

  test('beyond their limit they are waited for again', async () => {
    const { ask, upstream } = await stage((socket) => socket.write(OK), { abandonedPerOrigin: 3 })
    const left = Array.from({ length: 10 }, () => {
      const controller = new AbortController()
      const asked = ask({ signal: controller.signal })
      controller.abort()
      return asked
    })
    const stayed = ask()
    expect(await Promise.all(left)).toEqual(left.map(() => 'client_closed'))
    expect(await stayed).toBe('ok')
    expect(upstream.connections).toBeLessThanOrEqual(4)
  })
})
