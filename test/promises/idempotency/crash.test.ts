import { afterAll, beforeAll, expect, test } from 'bun:test'
import { random } from '../../rig/http/deliver.ts'
import { testRedis } from '../../support/services/redis.ts'
import { figure, isLong } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import type { Seen } from '../support/stage.ts'
import { isReplay, keyed, openReplicas, overlap, type Replicas, watchSpans } from './support/replicas.ts'

/** E5 kill -9 in mid-request frees the key by its lease, and never runs twice at once. */

/** Each kill hits this many calls, every one at another point of its life. */
const CALLS = 20
const KILLS = 10
const SEED = 20_261_121
const LEASE_MS = 30_000

let replicas: Replicas
beforeAll(async () => {
  const { url } = await testRedis()
  replicas = await openReplicas({ count: 1, redisUrl: url })
})
afterAll(() => replicas.close())

const next = random(SEED)
const [front] = fronts

function send(url: string, word: string, fault: string): Promise<Seen> {
  if (!front) throw new Error('no front')
  return keyed(url, front, word, { model: 'messages', content: `${word} ${fault}`, stream: false })
}

interface Fate {
  freedMs: number
  replayed: boolean
  executions: number
  overlap: number
}

/** Asks again and again elsewhere, from the moment of the kill, until there is an answer. */
async function fateOf(word: string, fault: string, killed: Promise<number>, url: string): Promise<Fate> {
  const spans = watchSpans(replicas.upstream, word)
  const at = await killed
  for (;;) {
    const asked = performance.now()
    const seen = await send(url, word, fault)
    if (seen.status === 200)
      return {
        freedMs: asked - at,
        replayed: isReplay(seen),
        executions: spans.length,
        overlap: overlap(spans),
      }
    expect([seen.status, seen.headers.get('retry-after')]).toEqual([409, '1'])
    await Bun.sleep(100 + next() * 200)
  }
}

/** The lease is half a minute, so this waits that long: only at full size. */
const longTest = isLong ? test : () => {}

longTest(
  'E5: a gateway killed with calls at every point of their lives',
  async () => {
    const fates: Fate[] = []
    const survivor = replicas.gateways[0]?.url ?? ''
    for (let round = 0; round < KILLS; round += 1) {
      const victim = await replicas.add()
      const killed = Promise.withResolvers<number>()
      const running = Array.from({ length: CALLS }, async (_, call) => {
        const word = `crash-${round}-${call}-end`
        const fault = `[fault:stall-start@${Math.floor(next() * 400)}]`
        const fate = fateOf(word, fault, killed.promise, survivor)
        await Bun.sleep(next() * 400)
        // Cut off by the kill, or answered just before.
        await send(victim.url, word, fault).catch(() => {})
        return fate
      })
      await Bun.sleep(200 + next() * 200)
      victim.kill('SIGKILL')
      killed.resolve(performance.now())
      fates.push(...(await Promise.all(running)))
    }
    const most = (pick: (fate: Fate) => number): number => Math.max(...fates.map(pick))
    const cut = fates.filter(({ freedMs }) => freedMs > 1_000)
    figure('E5', {
      n: fates.length,
      kills: KILLS,
      seed: SEED,
      overlapping: fates.filter((fate) => fate.overlap > 1).length,
      held_by_the_dead: cut.length,
      answered_before: fates.filter(({ replayed }) => replayed).length,
      freed_ms_max: Math.round(most(({ freedMs }) => freedMs)),
    })
    expect(most((fate) => fate.overlap)).toBe(1)
    expect(most(({ executions }) => executions)).toBeLessThanOrEqual(2)
    // Some were in mid-flight, else nothing was tried.
    expect(cut.length).toBeGreaterThan(0)
    expect(most(({ freedMs }) => freedMs)).toBeLessThan(LEASE_MS + 2_000)
  },
  { timeout: 900_000 },
)
