import { describe, expect, test } from 'bun:test'
import { listen } from './serve.ts'
import { holds, rawClient, type StreamSetting, streamServer, wait } from './testing.ts'

describe('the listening socket', () => {
  test('says where it is, also for IPv6', () => {
    for (const [host, shown] of [
      ['127.0.0.1', '127.0.0.1'],
      ['::1', '[::1]'],
    ] as const) {
      const listener = listen({ host, port: 0, maxBodyBytes: 1_000, handle: () => new Response('') })
      expect(listener.port).toBeGreaterThan(0)
      expect(listener.url).toBe(`http://${shown}:${listener.port}`)
      listener.close()
    }
  })

  test('a handler that throws shows nothing of its inside', async () => {
    const listener = listen({
      host: '127.0.0.1',
      port: 0,
      maxBodyBytes: 1_000,
      handle() {
        throw new Error('secret of the inside')
      },
    })
    const response = await fetch(listener.url)
    const text = await response.text()
    listener.close()
    expect(response.status).toBe(500)
    expect(text).not.toContain('secret')
    expect(JSON.parse(text).error.code).toBe('internal')
  })

  test('when it stops accepting, open streams go on to their end', async () => {
    let go = (_: string): void => {}
    const server = streamServer((count) => {
      if (count === 0) return 'a'
      return count === 1 ? new Promise((resolve) => (go = resolve)) : undefined
    })
    const client = rawClient(server.listener.port)
    await holds(() => server.pulls === 2)
    server.listener.stopAccepting()
    const late = rawClient(server.listener.port)
    expect(await holds(() => late.ended)).toBe(true)
    expect(late.bytes()).toBe(0)
    go('b')
    expect(await holds(() => client.text().endsWith('0\r\n\r\n'))).toBe(true)
    server.listener.close()
  })

  test('closing ends everything', async () => {
    const server = streamServer((count) => (count === 0 ? 'a' : new Promise(() => {})))
    const client = rawClient(server.listener.port)
    await holds(() => server.pulls === 2)
    server.listener.close()
    expect(await holds(() => client.ended)).toBe(true)
  })

  test('what the runtime may not take in is answered with 413', async () => {
    const listener = listen({
      host: '127.0.0.1',
      port: 0,
      maxBodyBytes: 1_000,
      handle: () => new Response(''),
    })
    const client = rawClient(listener.port, 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n')
    expect(await holds(() => client.text().startsWith('HTTP/1.1 413'))).toBe(true)
    listener.close()
  })
})

describe('silence', () => {
  /** The runtime looks every four seconds. */
  const PATIENCE_MILLISECONDS = 6_500
  const silent = (): Promise<undefined> => new Promise(() => {})
  const keepOpen: StreamSetting = { readIdleSeconds: 1, before: async (exchange) => exchange.keepOpen() }

  test('ends what is waited for in vain, and only that', async () => {
    const kept = streamServer(silent, keepOpen)
    const left = streamServer(silent, { readIdleSeconds: 1 })
    const brief = streamServer(async (count) => ['a'][count], keepOpen)
    const body = 'POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\nabc'
    const clients = {
      'a stream that is kept open': rawClient(kept.listener.port),
      'a stream that is not': rawClient(left.listener.port),
      'no request at all behind a finished stream': rawClient(brief.listener.port),
      'half a request behind a finished stream': rawClient(brief.listener.port),
    }
    const half = clients['half a request behind a finished stream']
    expect(await holds(() => half.text().endsWith('0\r\n\r\n'))).toBe(true)
    half.socket.write(body)
    await wait(PATIENCE_MILLISECONDS)
    const ended = Object.entries(clients).map(([name, client]) => [name, client.ended])
    expect(Object.fromEntries(ended)).toEqual({
      'a stream that is kept open': false,
      'a stream that is not': true,
      'no request at all behind a finished stream': true,
      'half a request behind a finished stream': true,
    })
    expect(kept.ends).toEqual([])
    expect(left.ends).toEqual([{ bytes: 0, clientLeft: true }])
    clients['a stream that is kept open'].socket.destroy()
    await holds(() => kept.ends.length === 1)
    for (const server of [kept, left, brief]) server.listener.close()
  }, 15_000)
})
