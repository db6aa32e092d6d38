import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Fault } from '../rig/fault/fault.ts'
import { random } from '../rig/http/deliver.ts'
import { swarm } from '../rig/swarm.ts'
import { customFault } from './support/custom-fault.ts'
import { figure, size } from './support/figure.ts'
import { fronts } from './support/fronts.ts'
import { ask, modelToml, openStage, type Stage, upstreams } from './support/stage.ts'

/** A13 a kept connection that the upstream closed before it answered never surfaces as an error. */

const COUNT = size(3_000, 10_000)
const SEED = 7

let stage: Stage
beforeAll(async () => {
  // No retries: what is measured is the transport alone.
  const more = 'retry = { max_retries = 0 }'
  const models = upstreams.map(({ dialect, provider, model }) =>
    modelToml(dialect, { provider, model, more }),
  )
  stage = await openStage({ toml: models.join('') })
})
afterAll(() => stage.close())

/** No model answers at once. */
const THINKING_MS = 60
const next = random(SEED)

/** Closes idle connections around the moment of their next use. */
function afterwards(index: number): NonNullable<Fault['afterwards']> {
  return index % 3 === 0 ? 'close-on-next-request' : { closeAfterMs: next() * 4 }
}

test('A13: no reset reaches a client, and nothing is done twice', async () => {
  const resets: string[] = []
  const connections = new Set<number>()
  await swarm(COUNT, 48, async (index) => {
    const front = fronts[index % 2] ?? fronts[0]
    const { dialect } = upstreams[index % 3] ?? upstreams[0]
    if (front === undefined) return
    const stalls = [{ at: 0, of: 'wire' as const, ms: THINKING_MS }]
    const content = `[scene:text] ${customFault({ stalls, afterwards: afterwards(index) })} call-${index}-end`
    const seen = await ask(stage.gateway.url, front, { model: dialect, content, stream: index % 4 < 2 })
    if (seen.status !== 200 || seen.broken) resets.push(`${seen.status} ${seen.text.slice(0, 200)}`)
  })
  const executed = new Map<string, number>()
  for (const entry of stage.upstream.ledger.entries) {
    connections.add(entry.connection)
    // What arrives behind the upstream's own FIN is read by the rig, but nobody works on it.
    if (entry.ended !== 'complete') continue
    const word = /call-\d+-end/.exec(entry.body)?.[0] ?? ''
    executed.set(word, (executed.get(word) ?? 0) + 1)
  }
  const duplicates = [...executed.values()].filter((count) => count > 1).length
  figure('A13', { n: COUNT, seed: SEED, resets: resets.length, duplicates, connections: connections.size })
  expect(resets.slice(0, 3)).toEqual([])
  expect(duplicates).toBe(0)
  expect(executed.size).toBe(COUNT)
  // Some connections were used again, else nothing was tried.
  expect(connections.size).toBeLessThan(COUNT)
})
