import { afterAll, describe, expect, test } from 'bun:test'
import { holds, KEEP_ALIVE, type Pull, rawClient, type StreamSetting, streamServer, wait } from './testing.ts'

const stray: unknown[] = []
process.on('unhandledRejection', (thrown) => stray.push(thrown))
process.on('uncaughtException', (thrown) => stray.push(thrown))

const never = (): Promise<undefined> => new Promise(() => {})

async function after(milliseconds: number, text: string): Promise<string> {
  await wait(milliseconds)
  return text
}

/** The body of a chunked answer, with its chunks. */
function chunksOf(text: string): string[] {
  let rest = text.slice(text.indexOf('\r\n\r\n') + 4)
  const chunks: string[] = []
  while (rest !== '') {
    const lineEnd = rest.indexOf('\r\n')
    const size = Number.parseInt(rest.slice(0, lineEnd), 16)
    chunks.push(rest.slice(lineEnd + 2, lineEnd + 2 + size))
    rest = rest.slice(lineEnd + 2 + size + 2)
  }
  return chunks
}

describe('what is pulled is written', () => {
  test('one write for each chunk, text and bytes alike, then the end', async () => {
    const chunks = ['data: 北京\n\n', Buffer.from('data: é\n\n'), 'data: [DONE]\n\n']
    const server = streamServer(async (count) => chunks[count])
    const client = rawClient(server.listener.port)
    expect(await holds(() => client.text().endsWith('0\r\n\r\n'))).toBe(true)
    expect(server.ends).toEqual([
      { bytes: Buffer.byteLength('data: 北京\n\ndata: é\n\ndata: [DONE]\n\n'), clientLeft: false },
    ])
    expect(server.cancels).toBe(0)
    server.listener.close()
    const body = client.text().slice(client.text().indexOf('\r\n\r\n') + 4)
    expect(body).toContain('data: 北京\n\n')
    expect(body).toContain('data: é\n\n')
  })

  test('a chunk goes out when it is there, not when the next one is', async () => {
    const server = streamServer((count) => (count === 0 ? 'data: 1\n\n' : never()))
    const client = rawClient(server.listener.port)
    expect(await holds(() => client.text().includes('data: 1\n\n'))).toBe(true)
    client.socket.destroy()
    await holds(() => server.ends.length === 1)
    server.listener.close()
  })

  test('a stream of nothing ends at once', async () => {
    const server = streamServer(() => undefined)
    const client = rawClient(server.listener.port)
    expect(await holds(() => client.text().endsWith('0\r\n\r\n'))).toBe(true)
    expect(server.ends).toEqual([{ bytes: 0, clientLeft: false }])
    server.listener.close()
  })

  test('an empty chunk is not written', async () => {
    const server = streamServer(async (count) => ['', 'a', ''][count])
    const client = rawClient(server.listener.port)
    expect(await holds(() => client.text().endsWith('0\r\n\r\n'))).toBe(true)
    expect(chunksOf(client.text())).toEqual(['a', ''])
    server.listener.close()
  })

  test('a silent stream survives the collector and goes on', async () => {
    let go = (_: string): void => {}
    const server = streamServer((count) => (count === 0 ? 'a' : new Promise((resolve) => (go = resolve))))
    const client = rawClient(server.listener.port)
    await holds(() => server.pulls === 2)
    for (let times = 0; times < 5; times += 1) {
      Bun.gc(true)
      await wait(10)
    }
    go('b')
    expect(await holds(() => chunksOf(client.text()).join('') === 'ab')).toBe(true)
    client.socket.destroy()
    await holds(() => server.ends.length === 1)
    server.listener.close()
  })
})

describe('a slow client', () => {
  const block = 'x'.repeat(65_536)
  /** Always has more: only back-pressure ends it. The turn given up now and then lets the rest of the process live. */
  const endless: Pull = async (count) => {
    if (count % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
    return block
  }

  test('that reads nothing stops the reading of the upstream: memory is bounded', async () => {
    const server = streamServer(endless)
    const client = rawClient(server.listener.port)
    client.socket.pause()
    await wait(300)
    Bun.gc(true)
    const before = process.memoryUsage().rss
    const pulls = server.pulls
    await wait(700)
    const grown = (process.memoryUsage().rss - before) / 1_048_576
    console.info(
      `A11: a stalled client held the source after ${((pulls * block.length) / 1_048_576).toFixed(1)} MB, +${grown.toFixed(1)} MB`,
    )
    expect(server.pulls).toBe(pulls)
    expect(pulls * block.length).toBeLessThan(16 * 1_048_576)
    expect(grown).toBeLessThan(32)
    // It goes on where it stood.
    client.socket.resume()
    expect(await holds(() => server.pulls > pulls + 100)).toBe(true)
    client.socket.destroy()
    expect(await holds(() => server.ends.length === 1)).toBe(true)
    expect(server.cancels).toBe(1)
    server.listener.close()
  })

  test('that leaves while it is stalled is seen', async () => {
    const server = streamServer(endless)
    const client = rawClient(server.listener.port)
    client.socket.pause()
    await wait(200)
    const pulls = server.pulls
    client.socket.resetAndDestroy()
    expect(await holds(() => server.ends.length === 1)).toBe(true)
    await wait(50)
    expect(server.ends[0]?.clientLeft).toBe(true)
    expect(server.cancels).toBe(1)
    expect(server.pulls).toBe(pulls)
    server.listener.close()
  })

  test('that is stalled gets no heartbeats, and everything when it reads again', async () => {
    const server = streamServer(async (count) => (count < 200 ? block : undefined), { keepAliveMs: 100 })
    const client = rawClient(server.listener.port)
    client.socket.pause()
    await wait(1_500)
    client.socket.resume()
    expect(await holds(() => client.text().endsWith('0\r\n\r\n'))).toBe(true)
    expect(server.ends).toEqual([{ bytes: 200 * block.length, clientLeft: false }])
    expect(client.text()).not.toContain(KEEP_ALIVE)
    server.listener.close()
  })

  test('that takes nothing for too long is given up', async () => {
    const server = streamServer(endless, { stallMs: 800 })
    const client = rawClient(server.listener.port)
    client.socket.pause()
    await wait(400)
    expect(server.ends).toEqual([])
    expect(await holds(() => server.ends.length === 1)).toBe(true)
    expect(server.ends[0]?.clientLeft).toBe(true)
    expect(server.cancels).toBe(1)
    client.socket.destroy()
    server.listener.close()
  })

  test('gets what was waiting for it, and the last words, when the stream is finished meanwhile', async () => {
    const server = streamServer(endless)
    const client = rawClient(server.listener.port)
    client.socket.pause()
    await wait(200)
    server.writer?.finish('data: {"error":"closing"}\n\n')
    client.socket.resume()
    expect(await holds(() => client.text().endsWith('0\r\n\r\n'))).toBe(true)
    expect(client.text()).toContain('data: {"error":"closing"}\n\n')
    expect(server.ends).toHaveLength(1)
    expect(client.bytes()).toBeGreaterThan(server.ends[0]?.bytes ?? Number.POSITIVE_INFINITY)
    server.listener.close()
  })
})

describe('promise A12: a client that leaves is seen, and the source is cancelled once', () => {
  const ways: [string, Pull, StreamSetting, number][] = [
    ['before the response was given', never, { before: () => wait(150) }, 20],
    ['before the first chunk', never, {}, 50],
    ['while the upstream is silent', (count) => (count === 0 ? 'a' : never()), {}, 50],
    ['while chunks flow', () => after(2, 'data: x\n\n'), {}, 50],
  ]
  for (const [name, pull, setting, after] of ways)
    for (const how of ['destroy', 'resetAndDestroy'] as const)
      test(`${name} (${how})`, async () => {
        const server = streamServer(pull, setting)
        const client = rawClient(server.listener.port)
        await wait(after)
        client.socket[how]()
        expect(await holds(() => server.ends.length > 0)).toBe(true)
        await wait(30)
        expect(server.ends).toEqual([{ bytes: server.ends[0]?.bytes ?? -1, clientLeft: true }])
        expect(server.cancels).toBe(1)
        const { pulls } = server
        await wait(30)
        expect(server.pulls).toBe(pulls)
        server.listener.close()
      })

  test('200 times at random moments: each is cancelled, quickly', async () => {
    const server = streamServer(() => after(1, 'data: x\n\n'))
    const times: number[] = []
    let seed = 3
    for (let number = 0; number < 200; number += 1) {
      seed = (seed * 16_807) % 2_147_483_647
      const client = rawClient(server.listener.port)
      await holds(() => client.bytes() > 0)
      await wait(seed % 8)
      const leftAt = performance.now()
      client.socket.destroy()
      await holds(() => server.ends.length === number + 1)
      times.push(performance.now() - leftAt)
    }
    times.sort((one, other) => one - other)
    console.info(`A12 clients: n=${times.length}, p99 ${times[198]?.toFixed(1)} ms (looked at every 5 ms)`)
    expect(server.cancels).toBe(200)
    expect(server.ends.every((end) => end.clientLeft)).toBe(true)
    expect(times[198] ?? Number.POSITIVE_INFINITY).toBeLessThan(100)
    server.listener.close()
  }, 20_000)

  test('a source whose next fails ends the stream and is cancelled', async () => {
    const server = streamServer((count) => (count === 0 ? 'a' : Promise.reject(new Error('x'))))
    const client = rawClient(server.listener.port)
    expect(await holds(() => server.ends.length === 1)).toBe(true)
    expect(server.cancels).toBe(1)
    client.socket.destroy()
    server.listener.close()
  })
})

describe('promise A15: heartbeats', () => {
  test('come while the upstream is silent, at their interval and one tick at most, and never inside an event', async () => {
    const keepAliveMs = 600
    let go = (_: string): void => {}
    const server = streamServer(
      (count) => (count === 0 ? 'data: 1\n\n' : new Promise((resolve) => (go = resolve))),
      { keepAliveMs },
    )
    const client = rawClient(server.listener.port)
    const times: number[] = []
    let last = 0
    client.socket.on('data', () => {
      if (last !== 0) times.push(performance.now() - last)
      last = performance.now()
    })
    await wait(3_800)
    go('data: 2\n\n')
    await holds(() => client.text().includes('data: 2\n\n'))
    const chunks = chunksOf(client.text())
    client.socket.destroy()
    await holds(() => server.ends.length === 1)
    server.listener.close()
    const beats = chunks.slice(1, -1)
    const intervals = times.slice(0, beats.length)
    console.info(
      `A15: n=${beats.length} heartbeats, intervals ${intervals.map((one) => one.toFixed(0)).join(', ')} ms for ${keepAliveMs} ms`,
    )
    expect(beats.length).toBeGreaterThanOrEqual(3)
    expect(new Set(beats)).toEqual(new Set([KEEP_ALIVE]))
    expect([chunks[0], chunks.at(-1)]).toEqual(['data: 1\n\n', 'data: 2\n\n'])
    for (const interval of intervals) {
      expect(interval).toBeGreaterThan(keepAliveMs - 100)
      expect(interval).toBeLessThan(keepAliveMs + 1_000)
    }
  }, 10_000)

  test('come before the first chunk too: the status goes out with the first', async () => {
    const server = streamServer(never, { keepAliveMs: 300 })
    const client = rawClient(server.listener.port)
    expect(await holds(() => client.text().includes(KEEP_ALIVE))).toBe(true)
    expect(client.text()).toStartWith('HTTP/1.1 200 OK\r\n')
    client.socket.destroy()
    await holds(() => server.ends.length === 1)
    server.listener.close()
  })

  test('do not come while events do', async () => {
    const server = streamServer((count) => (count < 30 ? after(50, `data: ${count}\n\n`) : undefined), {
      keepAliveMs: 300,
    })
    const client = rawClient(server.listener.port)
    await holds(() => client.text().endsWith('0\r\n\r\n'))
    expect(client.text()).not.toContain(KEEP_ALIVE)
    server.listener.close()
  })
})

describe('finishing early', () => {
  test('waits for nothing that is read on, and ends once', async () => {
    const readOn = Promise.withResolvers<void>()
    const server = streamServer(never, { readsOn: readOn.promise })
    const client = rawClient(server.listener.port)
    await holds(() => server.writer !== undefined)
    server.writer?.finish('data: last\n\n')
    expect(server.ends).toEqual([{ bytes: Buffer.byteLength('data: last\n\n'), clientLeft: false }])
    readOn.resolve()
    expect(await holds(() => client.text().endsWith('0\r\n\r\n'))).toBe(true)
    expect(server.ends).toHaveLength(1)
    server.listener.close()
  })

  test('also when the client has left before', async () => {
    const server = streamServer((count) => (count === 0 ? 'data: 1\n\n' : never()), { readsOn: never() })
    const client = rawClient(server.listener.port)
    await holds(() => client.text().includes('data: 1'))
    client.socket.destroy()
    await holds(() => server.cancels === 1)
    expect(server.ends).toEqual([])
    server.writer?.finish('')
    server.writer?.finish('')
    expect(server.ends).toEqual([{ bytes: Buffer.byteLength('data: 1\n\n'), clientLeft: true }])
    server.listener.close()
  })

  test('writes the last text, ends the stream and cancels the source', async () => {
    const server = streamServer((count) => (count === 0 ? 'data: 1\n\n' : never()))
    const client = rawClient(server.listener.port)
    await holds(() => client.text().includes('data: 1'))
    server.writer?.finish('data: last\n\n')
    server.writer?.finish('data: again\n\n')
    expect(await holds(() => client.text().endsWith('0\r\n\r\n'))).toBe(true)
    expect(chunksOf(client.text())).toEqual(['data: 1\n\n', 'data: last\n\n', ''])
    expect(server.cancels).toBe(1)
    expect(server.ends).toEqual([
      { bytes: Buffer.byteLength('data: 1\n\ndata: last\n\n'), clientLeft: false },
    ])
    server.listener.close()
  })

  test('after the end does nothing', async () => {
    const server = streamServer(async (count) => ['a'][count])
    const client = rawClient(server.listener.port)
    await holds(() => client.text().endsWith('0\r\n\r\n'))
    server.writer?.finish('more')
    await wait(30)
    expect(client.text()).not.toContain('more')
    expect([server.ends.length, server.cancels]).toEqual([1, 0])
    server.listener.close()
  })
})

afterAll(() => {
  console.info(`G11 platform: stray rejections and exceptions ${stray.length}`)
  expect(stray).toEqual([])
})
