import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { figure, isLong, percentile, size } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { ask, modelToml, openStage, type Stage, upstreams } from '../support/stage.ts'
import { SlowClients, type SlowKind } from './support/slow-clients.ts'

/** G8: slow clients cannot hold the server, however they are slow; normal ones are served beside them. */

const CLIENTS = size(200, 2_000)
const BEATS = size(40, 600)
const BEAT_MS = 50
const PLACES = 20
/** How long each kind is suffered: by the runtime (head), by us (body); with the steps in which both look. */
const LIMITS_MS: Partial<Record<SlowKind, number>> = { head: 13_000, body: 36_000 }

const models = upstreams
  .map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
  .join('')
const large = JSON.stringify(chatFront.body('chat-completions', '[scene:big-event@400000]', true))

/** Calls at a steady pace; gives what went wrong, and how long each took. */
async function normal(url: string): Promise<{ failed: string[]; times: number[] }> {
  const failed: string[] = []
  const times: number[] = []
  const calls: Promise<void>[] = []
  for (let beat = 0; beat < BEATS; beat += 1) {
    calls.push(
      ask(url, chatFront, { model: 'messages', content: 'hello', stream: beat % 2 === 0 }).then(
        ({ status, broken, milliseconds }) => {
          times.push(milliseconds)
          if (status !== 200 || broken) failed.push(`${status}`)
        },
        (thrown: unknown) => void failed.push(String(thrown)),
      ),
    )
    await Bun.sleep(BEAT_MS)
  }
  await Promise.all(calls)
  return { failed, times }
}

describe('G8', () => {
  let stage: Stage
  const slow = (['head', 'body', 'range', 'read'] as const).map((kind) => new SlowClients(kind))
  beforeAll(async () => {
    stage = await openStage({ toml: models })
  })
  afterAll(async () => {
    for (const clients of slow) clients.stop()
    await stage.close()
  })

  test('all normal calls succeed beside slow ones of all four kinds, and the slow ones are let go', async () => {
    const { url } = stage.gateway
    const before = await normal(url)
    const target = { url, path: chatFront.path, large }
    await Promise.all(slow.map((clients) => clients.start(CLIENTS, target)))
    // They do hold their connections: those who send nothing more would prove nothing.
    expect(slow.map(({ open }) => open)).toEqual(slow.map(() => CLIENTS))
    const beside = await normal(url)
    const held = Object.fromEntries(slow.map(({ kind, open }) => [`${kind}_still_open`, open]))
    if (isLong) await Bun.sleep(40_000)
    const closed = Object.fromEntries(
      slow.map(({ kind, closedAfter }) => [
        `${kind}_closed_after_s`,
        closedAfter.length === 0 ? 'open' : Math.round(Math.max(...closedAfter) / 1000),
      ]),
    )
    figure('G8', {
      clients_of_each_kind: CLIENTS,
      n: beside.times.length,
      failed: beside.failed.length,
      p99_ms: Math.round(percentile(beside.times, 0.99)),
      p99_alone_ms: Math.round(percentile(before.times, 0.99)),
      ...held,
      ...(isLong ? closed : {}),
    })
    expect(beside.failed).toEqual([])
    if (!isLong) return
    expect(percentile(beside.times, 0.99)).toBeLessThan(2 * percentile(before.times, 0.99) + 20)
    for (const clients of slow) {
      const limit = LIMITS_MS[clients.kind]
      if (limit === undefined) continue
      expect([clients.kind, clients.open]).toEqual([clients.kind, 0])
      expect(Math.max(...clients.closedAfter)).toBeLessThan(limit + 2_000)
    }
    expect([...(slow[1]?.statuses ?? [])]).toEqual([[408, CLIENTS]])
  }, 300_000)
})

test('G8: bodies that come slowly hold no place of limits.max_inflight', async () => {
  const stage = await openStage({
    toml: `[limits]\nmax_inflight = ${PLACES}\nqueue = { size = ${PLACES} }\n${models}`,
  })
  const slow = new SlowClients('body')
  try {
    await slow.start(CLIENTS, { url: stage.gateway.url, path: chatFront.path, large })
    expect(slow.open).toBe(CLIENTS)
    const { failed, times } = await normal(stage.gateway.url)
    figure('G8 places', { slow_bodies: CLIENTS, places: PLACES, n: times.length, failed: failed.length })
    expect(failed).toEqual([])
  } finally {
    slow.stop()
    await stage.close()
  }
}, 120_000)
