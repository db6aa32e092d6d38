import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { testRedis } from '../../support/services/redis.ts'
import { figure } from '../support/figure.ts'
import { type Front, fronts } from '../support/fronts.ts'
import { ask, type Seen, upstreams } from '../support/stage.ts'
import { codeOf, isReplay, keyed, openReplicas, type Replicas, until } from './support/replicas.ts'

/** E4 a replay is byte-identical with the original status and says it is one; streams replay as streams. */

const CAP = 12_000
const toml = `[retry]\nmax_retries = 0\n[idempotency]\nreplay_streams = true\nmax_answer_bytes = ${CAP}\n`
let memory: Replicas
let redis: Replicas
let streamless: Replicas
beforeAll(async () => {
  memory = await openReplicas({ toml })
  redis = await openReplicas({ count: 2, redisUrl: (await testRedis()).url, toml })
  streamless = await openReplicas()
})
afterAll(async () => {
  for (const replicas of [memory, redis, streamless]) await replicas.close()
  figure('E4', { n: replays, mismatches, executed_again: again })
})

let replays = 0
let mismatches = 0
let again = 0
let serial = 0

const sha = (seen: Seen): string => createHash('sha256').update(seen.text).digest('hex')
const describing = ['content-type', 'cache-control', 'x-accel-buffering', 'x-xjp-target', 'x-xjp-provider']
const headersOf = (seen: Seen): (string | null)[] => describing.map((name) => seen.headers.get(name))

interface Place {
  name: string
  /** Where the first request goes, and where its repetition. */
  open(): { replicas: Replicas; first: string; second: string }
}

const places: Place[] = [
  {
    name: 'in memory',
    open: () => ({
      replicas: memory,
      first: memory.gateways[0]?.url ?? '',
      second: memory.gateways[0]?.url ?? '',
    }),
  },
  {
    name: 'at another replica',
    open: () => ({
      replicas: redis,
      first: redis.gateways[0]?.url ?? '',
      second: redis.gateways[1]?.url ?? '',
    }),
  },
]

/** Asks twice with one key; the upstream may be asked `executions` times. */
async function twice(
  place: Place,
  front: Front,
  model: string,
  scene: string,
  stream: boolean,
): Promise<{ first: Seen; second: Seen; executions: number; further(): Promise<number> }> {
  const { replicas, first: one, second: other } = place.open()
  const word = `replay-${(serial += 1)}-end`
  const asked = { model, content: `${word} [scene:${scene}]`, stream }
  const first = await keyed(one, front, word, asked)
  const second = await keyed(other, front, word, asked)
  const executions = (): number => replicas.upstream.ledger.withText(word).length
  const further = async (): Promise<number> => {
    expect(isReplay(await keyed(other, front, word, asked))).toBe(false)
    return executions()
  }
  return { first, second, executions: executions(), further }
}

const cells = places.flatMap((place) =>
  fronts.flatMap((front) =>
    upstreams.flatMap(({ dialect }) =>
      [false, true].map(
        (stream) =>
          [place.name, front.name, dialect, stream ? 'streamed' : 'whole', place, front, stream] as const,
      ),
    ),
  ),
)

describe.each(cells)('E4: %s, %s client, %s upstream, %s', (_, __, dialect, ___, place, front, stream) => {
  test.each(['text', 'unicode', 'thinking', 'long@20', 'silent'])('%s is the same again', async (scene) => {
    const { first, second, executions } = await twice(place, front, dialect, scene, stream)
    replays += 1
    if (sha(first) !== sha(second)) mismatches += 1
    again += executions - 1
    expect([second.status, isReplay(first), isReplay(second)]).toEqual([first.status, false, true])
    expect(second.text).toBe(first.text)
    expect(headersOf(second)).toEqual(headersOf(first))
    expect(executions).toBe(1)
    if (!stream || first.status !== 200) return
    expect(second.headers.get('content-type')).toStartWith('text/event-stream')
    expect(second.events.some((event) => front.isEnd(event))).toBe(true)
  })

  test('an answer beyond the cap is not given again, nor made again', async () => {
    const { first, second, executions } = await twice(place, front, dialect, 'long@1200', stream)
    expect(first.status).toBe(200)
    expect(Buffer.byteLength(first.text)).toBeGreaterThan(CAP)
    expect([second.status, front.errorFault(second.json), executions]).toEqual([422, undefined, 1])
    expect(front.errorMessage(second.json)).toContain('max_answer_bytes')
  })

  test('a request that the upstream refused is not sent again', async () => {
    const { first, second, executions } = await twice(place, front, dialect, 'error@400', stream)
    expect([first.status, second.status, isReplay(second)]).toEqual([400, 400, true])
    expect(second.text).toBe(first.text)
    expect(executions).toBe(1)
  })
})

const failures = [
  ['the upstream limits', 'error@429'],
  ['the upstream refuses our own key', 'error@401'],
] as const

test.each(failures)('E4: %s: the key is free again', async (_, scene) => {
  for (const front of fronts) {
    const [place] = places
    if (!place) throw new Error('no place')
    const { second, further } = await twice(place, front, 'messages', scene, false)
    expect(isReplay(second)).toBe(false)
    // An upstream that asked to be left alone is asked again after that time.
    await until(async () => (await further()) > 1)
  }
})

test('E4: a stream that broke off is not kept', async () => {
  for (const place of places) {
    const { first, second, executions } = await twice(
      place,
      fronts[0] as Front,
      'messages',
      'error-middle',
      true,
    )
    expect(first.events.some((event) => fronts[0]?.isError(event))).toBe(true)
    expect([isReplay(second), executions]).toEqual([false, 2])
  }
})

test('E4: where streams are not kept they are refused, before the upstream is asked', async () => {
  const url = streamless.gateways[0]?.url ?? ''
  for (const front of fronts) {
    const seen = await keyed(url, front, 'k', { model: 'messages', content: 'streamless', stream: true })
    expect([seen.status, front.errorFault(seen.json)]).toEqual([409, undefined])
    expect(front.errorMessage(seen.json)).toContain('idempotency.replay_streams')
    // Without a key they go as ever.
    const plain = await ask(url, front, { model: 'messages', content: 'plain', stream: true })
    expect(plain.events.some((event) => front.isEnd(event))).toBe(true)
  }
  expect(streamless.upstream.ledger.withText('streamless')).toEqual([])
})

test('E2: over HTTP, another body is 422 and another way to write it is not', async () => {
  const url = memory.gateways[0]?.url ?? ''
  const send = (body: string): Promise<Response> =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'written' },
      body,
    })
  const first = await send('{"model":"messages","messages":[{"role":"user","content":"é"}],"seed":1}')
  const text = await first.text()
  const same = await send(
    ' {"seed": 1.0, "messages": [ {"content":"\\u00e9", "role":"user"} ],\n"model": "messages"}',
  )
  expect([same.status, await same.text()]).toEqual([200, text])
  const other = await send('{"model":"messages","messages":[{"role":"user","content":"é"}],"seed":2}')
  const body = (await other.json()) as { error: { code: string } }
  expect([other.status, body.error.code]).toEqual([422, 'idempotency_mismatch'])
})

test('E4: what is no generation takes no notice of the header', async () => {
  const url = memory.gateways[0]?.url ?? ''
  for (let round = 0; round < 2; round += 1) {
    const seen = await fetch(`${url}/v1/models`, { headers: { 'idempotency-key': 'a, b' } })
    expect([seen.status, seen.headers.get('idempotency-replayed')]).toEqual([200, null])
  }
  expect(codeOf({ json: undefined } as Seen)).toBe('')
})
