import { afterAll, beforeAll, expect, test } from 'bun:test'
import { swarm } from '../rig/swarm.ts'
import { type ClosingUpstream, closingUpstream } from './support/closing-upstream.ts'
import { figure } from './support/figure.ts'
import { fronts } from './support/fronts.ts'
import { ask, modelToml, openStage, type Stage } from './support/stage.ts'

/** A13 a kept connection that the upstream closed before it answered never surfaces as an error. */

const COUNT = 10_000
const SEED = 7
/** No model answers at once. */
const THINKING_MS = 30

let upstream: ClosingUpstream
let stage: Stage
beforeAll(async () => {
  upstream = await closingUpstream(SEED, THINKING_MS)
  // No retries: what is measured is the transport alone.
  const more = 'retry = { max_retries = 0 }'
  stage = await openStage({
    toml: `[providers.closing]\ntype = "openai_compat"\napi_key = "none"\nbase_url = "${upstream.url}"\n${modelToml('m', { provider: 'closing', model: 'any', more })}`,
  })
})
afterAll(async () => {
  await stage.close()
  await upstream.close()
})

test('A13: no reset reaches a client, and nothing is done twice', async () => {
  const resets: string[] = []
  await swarm(COUNT, 24, async (index) => {
    const front = fronts[index % 2] ?? fronts[0]
    if (front === undefined) throw new Error('there is a front')
    const seen = await ask(stage.gateway.url, front, {
      model: 'm',
      content: `call-${index}-end`,
      stream: index % 4 < 2,
    })
    if (seen.status !== 200 || seen.broken) resets.push(`${seen.status} ${seen.text.slice(0, 200)}`)
  })
  const duplicates = [...upstream.executed.values()].filter((count) => count > 1).length
  const connections = upstream.connections()
  figure('A13', { n: COUNT, seed: SEED, resets: resets.length, duplicates, connections })
  expect(resets.slice(0, 3)).toEqual([])
  expect(duplicates).toBe(0)
  expect(upstream.executed.size).toBe(COUNT)
  // Connections were used again, else nothing was tried.
  expect(connections).toBeLessThan(COUNT * 0.9)
})
