import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { EVENT_BYTES, WHOLE_BYTES, type WireDialect } from './dialects.ts'
import { ClosedLoop, OpenLoop } from './load.ts'
import { Rig } from './rig.ts'
import { StreamLoad } from './stream-load.ts'
import { TARGETS, type Target } from './targets.ts'
import { upstreamWire } from './upstream-wire.ts'
import { wrongAnswer } from './verify.ts'

const rig = new Rig()
beforeAll(() => rig.ticker.start(false))
afterAll(() => rig.close())

const direct = TARGETS.find(({ server }) => server === 'direct') as Target
const directly = (client: 'chat-completions' | 'messages'): Target => ({
  ...direct,
  client,
  upstream: client,
})

async function until(what: () => boolean): Promise<void> {
  for (let waited = 0; !what() && waited < 3_000; waited += 5) await Bun.sleep(5)
  expect(what()).toBe(true)
}

describe('every dialect has events of the same length', () => {
  for (const dialect of ['chat-completions', 'messages', 'generate-content'] as const satisfies WireDialect[])
    test(dialect, () => {
      const { event, whole } = upstreamWire(dialect)
      const framing = `${EVENT_BYTES.toString(16)}\r\n`.length + '\r\n'.length
      expect(event.length).toBe(EVENT_BYTES + framing)
      const body = new TextDecoder().decode(whole).split('\r\n\r\n')[1] ?? ''
      expect(body.length).toBe(WHOLE_BYTES)
      expect(() => JSON.parse(body)).not.toThrow()
    })
})

describe('the scripted upstream answers', () => {
  for (const client of ['chat-completions', 'messages'] as const)
    test(client, async () => expect(await wrongAnswer(rig, directly(client))).toBeUndefined())

  test('an unknown path with 404', async () => {
    const answer = await fetch(`http://127.0.0.1:${rig.upstream.port}/nowhere`, {
      method: 'POST',
      body: '{}',
    })
    expect(answer.status).toBe(404)
  })
})

describe('loads', () => {
  test('a closed loop asks again and again', async () => {
    const load = new ClosedLoop()
    await load.start(rig.load(direct, { stream: false }), 4)
    await until(() => load.completed > 100)
    load.stop()
    expect(load.failed).toBe(0)
  })

  test('an open loop keeps its rate', async () => {
    const load = new OpenLoop(rig.ticker, rig.load(direct, { stream: false }), 'end')
    const began = performance.now()
    await load.start(500)
    await until(() => load.completed >= 100)
    load.stop()
    expect(performance.now() - began).toBeGreaterThanOrEqual(190)
    expect(load.latencies.length).toBe(load.completed)
    expect(load.failed).toBe(0)
  })

  test('an open loop sees a stall in every request that was due in it', async () => {
    const load = new OpenLoop(rig.ticker, rig.load(direct, { stream: false }), 'end')
    await load.start(500)
    await until(() => load.completed >= 10)
    load.reset()
    const stalled = performance.now() + 100
    while (performance.now() < stalled);
    await until(() => load.completed >= 50)
    load.stop()
    expect(load.latencies.filter((milliseconds) => milliseconds > 40).length).toBeGreaterThanOrEqual(25)
  })

  test('held streams receive what was emitted and end when they are told', async () => {
    const load = new StreamLoad()
    const emittedBefore = rig.upstream.emitted
    rig.upstream.plan({ window: 4, events: Number.POSITIVE_INFINITY }, () => load.received)
    await load.start(rig.load(direct, { stream: true }), 8)
    await until(() => load.received > 200)
    rig.upstream.endStreams()
    await until(() => load.completed === 8)
    expect(load.received).toBe(rig.upstream.emitted - emittedBefore)
    expect(rig.upstream.openStreams).toBe(0)
  })

  test('clients that leave are noticed', async () => {
    const load = new StreamLoad()
    rig.upstream.plan({ intervalMs: 5, events: Number.POSITIVE_INFINITY })
    await load.start(rig.load(direct, { stream: true }), 5)
    expect(rig.upstream.openStreams).toBe(5)
    load.stop()
    await until(() => rig.upstream.openStreams === 0)
    expect(load.failed).toBe(0)
  })
})
