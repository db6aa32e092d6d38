import { afterAll, describe, expect, test } from 'bun:test'
import { chatCompletions } from '../../../src/protocol/dialects/chat-completions/dialect.ts'
import { generateContent } from '../../../src/protocol/dialects/generate-content/dialect.ts'
import { messages } from '../../../src/protocol/dialects/messages/dialect.ts'
import { errorKinds, type GatewayError } from '../../../src/protocol/model/error.ts'
import { COOLDOWN_TOPIC } from '../../../src/resilience/cooldown-words.ts'
import { LONGEST_COOLDOWN_MILLISECONDS } from '../../../src/resilience/cooldowns.ts'
import { entered, newWorld, snapshotOf, targetOf } from '../../../src/resilience/testing.ts'
import { RedisAnnouncements } from '../../../src/store/redis/announcements.ts'
import { RedisConnection } from '../../../src/store/redis/connection.ts'
import { testRedis } from '../../support/services/redis.ts'
import { figure } from '../support/figure.ts'

// B2: an upstream that says how long it wants to be left alone is, by every replica, up to the cap.

const CAP = LONGEST_COOLDOWN_MILLISECONDS
const DATE = 'Sat, 21 Nov 2026 10:00:00 GMT'

type Headers = Record<string, string>

/** What the upstream sends with its 429, and for how many milliseconds it is to be left alone; 0: it did not say. */
const forms: readonly [headers: Headers, milliseconds: number][] = [
  [{ 'retry-after': '1' }, 1_000],
  [{ 'retry-after': '30' }, 30_000],
  [{ 'retry-after': ' 7 ' }, 7_000],
  [{ 'retry-after': '007' }, 7_000],
  [{ 'retry-after': '0.25' }, 250],
  [{ 'retry-after': '2.5' }, 2_500],
  [{ 'retry-after': '299' }, 299_000],
  [{ 'retry-after': '300' }, CAP],
  [{ 'retry-after': '301' }, CAP],
  [{ 'retry-after': '86400' }, CAP],
  [{ 'retry-after': '99999999999999999999' }, CAP],
  [{ 'retry-after': '9'.repeat(400) }, CAP],
  [{ 'retry-after': '5, 20' }, 20_000],
  [{ 'retry-after': '20,5' }, 20_000],
  [{ 'retry-after': '13s' }, 13_000],
  [{ 'retry-after': '1m30s' }, 90_000],
  [{ 'retry-after': '500ms' }, 500],
  [{ 'retry-after-ms': '1500' }, 1_500],
  [{ 'retry-after-ms': '1500', 'retry-after': '2' }, 1_500],
  [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2_000],
  [{ 'retry-after-ms': '99999999999' }, CAP],
  [{ 'retry-after': 'Sat, 21 Nov 2026 10:00:45 GMT', date: DATE }, 45_000],
  [{ 'retry-after': 'sat, 21 nov 2026 10:00:45 gmt', date: DATE }, 45_000],
  [{ 'retry-after': 'Saturday, 21-Nov-26 10:01:00 GMT', date: DATE }, 60_000],
  [{ 'retry-after': 'Sat Nov 21 10:02:00 2026', date: DATE }, 120_000],
  [{ 'retry-after': 'Sun, 22 Nov 2026 10:00:00 GMT', date: DATE }, CAP],
  [{ 'retry-after': 'Sat, 21 Nov 9999 10:00:00 GMT', date: DATE }, CAP],
  // Their clock is a day behind ours: only the difference counts.
  [{ 'retry-after': 'Fri, 20 Nov 2026 10:00:10 GMT', date: 'Fri, 20 Nov 2026 10:00:00 GMT' }, 10_000],
  [{ 'retry-after': 'Sat, 21 Nov 2026 09:59:00 GMT', date: DATE }, 0],
  [{ 'retry-after': DATE, date: DATE }, 0],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after-ms': '0' }, 0],
  [{ 'retry-after': '-1' }, 0],
  [{ 'retry-after': '-86400' }, 0],
  [{ 'retry-after': '' }, 0],
  [{ 'retry-after': 'soon' }, 0],
  [{ 'retry-after': 'Infinity' }, 0],
  [{ 'retry-after': '1e9' }, 0],
  [{ 'retry-after': '0x10' }, 0],
  [{ 'retry-after': 'Sat, 31 Feb 2026 99:00:00 GMT', date: DATE }, 0],
  [{ 'retry-after': '١٢' }, 0],
  [{}, 0],
]

const dialects = [chatCompletions, messages, generateContent]
const statuses = [429, 503, 529]

/** The error as the exchange decodes it from such an answer. */
function answered(dialect: (typeof dialects)[number], status: number, headers: Headers): GatewayError {
  return dialect.upstream.decodeError(
    status,
    '{"error":{"message":"later"}}',
    (name) => headers[name] ?? null,
  )
}

const closing: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const close of closing) await close()
})

const target = targetOf('a', 'x')

/** Two replicas over a real Redis, whose clocks only move when the test says so. */
async function replicas() {
  const { url, freshPrefix } = await testRedis()
  const prefix = freshPrefix()
  const open = () => {
    const settings = { url, prefix, commandTimeoutMs: 3_000, now: Date.now, onChange: () => {} }
    const redis = new RedisConnection(settings)
    const announcements = new RedisAnnouncements(redis)
    closing.push(
      () => announcements.close(),
      () => redis.close(),
    )
    return { announcements, world: newWorld(snapshotOf({}), announcements) }
  }
  const [one, other] = [open(), open()]
  let heard: (text: string) => void = () => {}
  // Behind its own listener: who hears this knows that the replica knows.
  other.announcements.subscribe(COOLDOWN_TOPIC, (text) => heard(text))
  const told = async (by: () => void): Promise<number> => {
    const began = performance.now()
    const word = new Promise<void>((resolve) => {
      heard = (text) => text.includes('"from"') && resolve()
    })
    by()
    await word
    return performance.now() - began
  }
  // Said again until the listener has found its way.
  const connected = new Promise<void>((resolve) => {
    heard = () => resolve()
  })
  const saying = setInterval(() => one.announcements.publish(COOLDOWN_TOPIC, '{}'), 20)
  await connected
  clearInterval(saying)
  const advance = (milliseconds: number): void => {
    one.world.advance(milliseconds)
    other.world.advance(milliseconds)
  }
  return { one: one.world, other: other.world, told, advance }
}

/** An upstream that answers this; it is called with the replica's leave. */
function called({ resilience }: ReturnType<typeof newWorld>, error: GatewayError): void {
  const pass = entered(resilience, target)
  pass.end({ kind: errorKinds[error.kind].counts ? 'failure' : 'neutral', error })
  pass.release()
}

describe('B2', () => {
  test('forty forms of the header, three dialects, three statuses, two replicas: nobody is early', async () => {
    const { one, other, told, advance } = await replicas()
    const worlds = [one, other]
    let early = 0
    let calls = 0
    let slowest = 0
    for (const [headers, milliseconds] of forms)
      for (const dialect of dialects)
        for (const status of statuses) {
          const error = answered(dialect, status, headers)
          if (milliseconds === 0) {
            called(one, error)
            for (const { resilience } of worlds) expect(resilience.standing(target)).toEqual({ open: true })
            continue
          }
          slowest = Math.max(slowest, await told(() => called(one, error)))
          const step = milliseconds / 10
          // Just before its end too; and no longer than a moment after it.
          for (const pause of [0, ...new Array<number>(9).fill(step), step - 1]) {
            advance(pause)
            for (const { resilience } of worlds) {
              calls += 1
              if (resilience.standing(target).open) early += 1
            }
          }
          advance(101)
          for (const { resilience } of worlds) expect(resilience.standing(target)).toEqual({ open: true })
        }
    figure('B2', {
      forms: forms.length,
      trials: forms.length * dialects.length * statuses.length,
      calls,
      early,
      told_within_ms: Math.ceil(slowest),
    })
    expect(forms.length).toBeGreaterThanOrEqual(40)
    expect(early).toBe(0)
    expect(slowest).toBeLessThan(1_000)
  })

  test('a longer time after a shorter one holds, a shorter one after a longer one changes nothing', async () => {
    const { one, other, told, advance } = await replicas()
    const limited = (seconds: string): GatewayError => answered(messages, 429, { 'retry-after': seconds })
    // All three calls were under way when the first answer came.
    const passes = [1, 2, 3].map(() => entered(one.resilience, target))
    const end = (seconds: string) => () => passes.pop()?.end({ kind: 'neutral', error: limited(seconds) })
    await told(end('2'))
    await told(end('20'))
    end('5')()
    advance(2_500)
    for (const { resilience } of [one, other])
      expect(resilience.standing(target)).toMatchObject({ open: false, reason: 'cooling' })
    advance(17_499)
    for (const { resilience } of [one, other]) expect(resilience.standing(target).open).toBe(false)
    advance(101)
    for (const { resilience } of [one, other]) expect(resilience.standing(target)).toEqual({ open: true })
  })

  test('the other replica gives the client the upstream’s own error, with what is left of the time', async () => {
    const { one, other, told, advance } = await replicas()
    await told(() => called(one, answered(messages, 429, { 'retry-after': '30' })))
    advance(10_000)
    const standing = other.resilience.standing(target)
    const error = standing.open ? undefined : standing.error
    expect(error?.status).toBe(429)
    expect(error?.details.upstream?.body).toBe('{"error":{"message":"later"}}')
    expect(Math.round(error?.details.retryAfterSeconds ?? 0)).toBe(20)
  })
})
