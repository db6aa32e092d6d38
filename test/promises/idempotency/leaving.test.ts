import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { figure } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { ask, type Seen } from '../support/stage.ts'
import { isReplay, keyed, openReplicas, type Replicas, until } from './support/replicas.ts'

/** What becomes of a key whose client leaves before its answer is complete: by what happens at the upstream then. */

const policies = ['cancel', 'drain'] as const
const stages = new Map<string, Replicas>()
beforeAll(async () => {
  for (const policy of policies)
    stages.set(
      policy,
      await openReplicas({
        toml: `[idempotency]\nreplay_streams = true\n[usage]\non_disconnect = "${policy}"\n`,
      }),
    )
})
afterAll(async () => {
  for (const stage of stages.values()) await stage.close()
})

const cells = policies.flatMap((policy) =>
  fronts.flatMap((front) => [true, false].map((stream) => ({ policy, front, stream }))),
)

describe.concurrent.each(cells)('a client that leaves ($policy, $front.name, streamed: $stream)', (cell) => {
  const { policy, front, stream } = cell
  test('finds its answer where it was read on, and a free key where it was not', async () => {
    const { upstream, gateways } = stages.get(policy) as Replicas
    const url = gateways[0]?.url ?? ''
    const word = `leaver-${policy}-${front.name}-${stream}-end`
    const asked = {
      model: 'messages',
      content: `${word} ${stream ? '[scene:long@30] [fault:trickle@20]' : '[fault:stall-start@300]'}`,
      stream,
    }
    const leaving = new AbortController()
    const first = keyed(url, front, word, { ...asked, signal: leaving.signal }).catch(() => undefined)
    await upstream.ledger.until(() => upstream.ledger.withText(word).length === 1)
    setTimeout(() => leaving.abort(), 150)
    await first
    let again: Seen | undefined
    await until(async () => {
      again = await keyed(url, front, word, asked)
      return again.status !== 409
    })
    const executions = upstream.ledger.withText(word).length
    figure('E4 after leaving', { policy, front: front.name, stream: String(stream), executions })
    expect([again?.status, again && isReplay(again), executions]).toEqual(
      policy === 'drain' ? [200, true, 1] : [200, false, 2],
    )
    // It is the whole answer in either case.
    const whole = await ask(url, front, asked)
    const text = (seen: Seen | undefined): string =>
      stream
        ? (seen?.events.map((event) => front.textOf(event)).join('') ?? '')
        : front.answerText(seen?.json)
    expect(text(again)).toBe(text(whole))
  })
})
