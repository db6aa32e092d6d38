import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import type { Fault } from './fault/fault.ts'
import { faults } from './fault/faults.ts'
import { PLAIN_TEXT } from './scene/scenes.ts'
import { type Sighting, type SwarmOptions, sendRaw, swarm } from './swarm.ts'
import { startUpstream, type Upstream } from './upstream.ts'
import { keyOf } from './vendors.ts'

/** Each fault does what its name says: seen with a raw socket, so that no client mends anything. */

let upstream: Upstream
beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())

const decoder = new TextDecoder()

interface Shot extends SwarmOptions {
  stream?: boolean
  scene?: string
}

function shoot(
  fault: string | Fault,
  { stream = true, scene = 'text', ...options }: Shot = {},
): Promise<Sighting> {
  upstream.script.add({ scene, fault })
  return sendRaw(
    {
      url: upstream.url,
      path: '/openai/v1/chat/completions',
      headers: { authorization: `Bearer ${keyOf('openai')}` },
      body: { model: 'gpt-4.1', stream, messages: [{ role: 'user', content: 'hi' }] },
    },
    options,
  )
}

const text = (seen: Sighting): string => decoder.decode(seen.body)

/** The body of an answer without a fault, to compare with. Ids differ, so lengths are what counts. */
const whole = (): Promise<Sighting> => shoot({})

describe('cuts', () => {
  test.each(['fin', 'rst'] as const)(
    'end the connection by %s after exactly n bytes of the body',
    async (how) => {
      for (const at of [0, 1, 100, 777]) {
        const seen = await shoot({ cut: { at, how } })
        expect(seen.body.length).toBe(at)
        expect(seen.ended).toBe(how)
        expect(upstream.ledger.last.ended).toBe('cut')
      }
    },
  )

  test('count the header block where they are told to', async () => {
    const seen = await shoot('cut-head-fin@20')
    expect([seen.status, seen.ended]).toEqual([0, 'fin'])
  })

  test('are billed by what was sent', async () => {
    const full = await whole()
    const bill = upstream.ledger.last.bill?.output ?? 0
    await shoot({ cut: { at: Math.floor(full.body.length / 2), how: 'fin' } })
    const part = upstream.ledger.last.bill?.output ?? 0
    expect(part).toBeGreaterThan(0)
    expect(part).toBeLessThan(bill)
  })
})

describe('time', () => {
  test('a stall waits at its byte', async () => {
    const seen = await shoot({ stalls: [{ at: 50, ms: 60 }] })
    expect(seen.totalMs).toBeGreaterThan(55)
    expect(seen.firstByteMs).toBeLessThan(55)
    expect(seen.ended).toBe('complete')
  })

  test('a stall of the head delays everything', async () => {
    expect((await shoot('stall-head@60')).firstByteMs).toBeGreaterThan(55)
  })

  test('an endless stall ends when the client leaves, and the ledger says when', async () => {
    const seen = await shoot('stall-at@100', { abort: { atByte: 250, how: 'rst' } })
    expect(seen.ended).toBe('aborted')
    await upstream.ledger.until((entries) => entries.at(-1)?.ended === 'client')
    expect(upstream.ledger.last.clientLeftAfterMs).toBeLessThan(1000)
  })

  test('a pace waits before each event', async () => {
    const { events } = await whole()
    expect((await shoot({ paceMs: 5 })).totalMs).toBeGreaterThan(5 * events.length)
  })
})

describe('form', () => {
  test.each([
    'one-byte-writes',
    'random-splits@7',
    'crlf',
    'cr',
    'no-space',
    'comments',
    'other-fields',
    'bom',
  ])('%s changes no event', async (fault) => {
    const expected = (await whole()).events.map((event) => event.data.replaceAll(/rig\d+|"created":\d+/g, ''))
    const seen = await shoot(fault)
    expect(seen.events.map((event) => event.data.replaceAll(/rig\d+|"created":\d+/g, ''))).toEqual(expected)
  })

  const bodies: Record<string, (seen: Sighting) => void> = {
    crlf: (seen) => expect(text(seen).split('\r\n\r\n').length).toBe(seen.events.length + 1),
    cr: (seen) => expect(text(seen)).not.toContain('\n'),
    'no-space': (seen) => expect(text(seen)).toMatch(/^data:\{/),
    comments: (seen) => expect(text(seen)).toStartWith(': keep-alive\n\n'),
    bom: (seen) => expect([...seen.body.slice(0, 3)]).toEqual([0xef, 0xbb, 0xbf]),
    'no-done': (seen) => expect(text(seen)).not.toContain('[DONE]'),
    'no-final-blank-line': (seen) => expect(text(seen)).toEndWith('data: [DONE]'),
    'trailing-garbage': (seen) => expect(text(seen)).toEndWith(': bye\n\n'),
    'wrong-type': (seen) => expect(seen.headers['content-type']).toBe('text/plain'),
    html: (seen) =>
      expect([seen.headers['content-type'], text(seen).slice(0, 9)]).toEqual(['text/html', '<!doctype']),
    empty: (seen) => expect([seen.status, seen.body.length]).toEqual([200, 0]),
    'no-content': (seen) => expect([seen.status, seen.headers['content-length']]).toEqual([204, undefined]),
    'invalid-utf8': (seen) =>
      expect(() => new TextDecoder('utf-8', { fatal: true }).decode(seen.body)).toThrow(),
    'length-too-long': (seen) => expect(Number(seen.headers['content-length']) - seen.body.length).toBe(10),
    'other-form': (seen) => expect(JSON.parse(text(seen)).choices[0].message.content).toBe(PLAIN_TEXT),
    gzip: (seen) => expect(gunzipSync(seen.body).toString()).toContain('[DONE]'),
    brotli: (seen) => expect(seen.headers['content-encoding']).toBe('br'),
    'nested-encodings': (seen) => expect(seen.headers['content-encoding']?.split(', ').length).toBe(50),
  }
  for (const [fault, check] of Object.entries(bodies))
    test(fault, async () => {
      check(await shoot(fault))
    })

  test('other-form gives events to who asked for a whole answer', async () => {
    const seen = await shoot('other-form', { stream: false })
    expect(seen.headers['content-type']).toStartWith('text/event-stream')
  })

  test('length-too-short declares less than is sent', async () => {
    const seen = await shoot('length-too-short@10', { stream: false })
    expect(() => JSON.parse(text(seen).slice(0, Number(seen.headers['content-length'])))).toThrow()
  })

  test('truncated-json is whole HTTP with half of the JSON', async () => {
    const seen = await shoot('truncated-json', { stream: false })
    expect(seen.ended).toBe('complete')
    expect(() => JSON.parse(text(seen))).toThrow()
  })

  test('no-usage leaves usage out', async () => {
    expect(JSON.parse(text(await shoot('no-usage', { stream: false }))).usage).toBeUndefined()
  })
})

describe('floods', () => {
  test('informational answers come before the real one', async () => {
    const seen = await shoot('informational@50', { abort: { atByte: 50 * 40, how: 'fin' } })
    expect(seen.status).toBe(103)
  })

  test.each(['endless-line', 'endless-json', 'endless-headers'])(
    '%s goes on until the client leaves',
    async (fault) => {
      await shoot(fault, { abort: { atByte: 3_000_000, how: 'rst' } })
      await upstream.ledger.until((entries) => entries.at(-1)?.ended === 'client')
      expect(upstream.ledger.last.bytesSent).toBeGreaterThan(3_000_000)
    },
  )

  test('a bomb unpacks to a thousand times its size', async () => {
    const seen = await shoot('gzip-bomb@32')
    const unpacked = gunzipSync(seen.body).length
    expect(unpacked).toBe(32 * 2 ** 20)
    expect(unpacked / seen.body.length).toBeGreaterThan(500)
    expect((await shoot('brotli-bomb@4')).body.length).toBeLessThan(20_000)
  })
})

describe('connections', () => {
  const ask = (): Promise<Response> =>
    fetch(`${upstream.url}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keyOf('openai')}` },
      body: JSON.stringify({ model: 'gpt-4.1', messages: [{ role: 'user', content: 'hi' }] }),
    })

  test('are kept alive', async () => {
    await (await ask()).json()
    const { connection } = upstream.ledger.last
    await (await ask()).json()
    expect(upstream.ledger.last.connection).toBe(connection)
  })

  test('close when the next request arrives, which is neither answered nor entered', async () => {
    upstream.script.add({ fault: 'close-on-next-request' })
    const body = JSON.stringify({ model: 'gpt-4.1', messages: [{ role: 'user', content: 'hi' }] })
    const request = `POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${keyOf('openai')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    const entries = upstream.ledger.entries.length
    const answers = await new Promise<number>((resolve) => {
      let count = 0
      const socket = connect(Number(new URL(upstream.url).port), '127.0.0.1', () => socket.write(request))
      socket.on('data', () => {
        count += 1
        socket.write(request)
      })
      socket.on('close', () => resolve(count))
    })
    expect([answers, upstream.ledger.entries.length - entries]).toEqual([1, 1])
  })
})

test('a swarm runs all its clients, so many at a time, and keeps their order', async () => {
  let now = 0
  let most = 0
  const seen = await swarm(40, 8, async (index) => {
    now += 1
    most = Math.max(most, now)
    const { status, ended } = await shoot({ paceMs: 1 }, { abort: { atByte: 200 + index * 20, how: 'rst' } })
    now -= 1
    return [index, status, ended]
  })
  expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => [index, 200, 'aborted']))
  expect(most).toBe(8)
})

test('a slow reader takes its time', async () => {
  const seen = await shoot({}, { scene: 'big-event@1000000', bytesPerSecond: 5_000_000 })
  expect(seen.ended).toBe('complete')
  expect(seen.totalMs).toBeGreaterThan(100)
})

test('every named fault can be made', () => {
  for (const [name, make] of Object.entries(faults)) expect(make(undefined), name).toBeObject()
})
