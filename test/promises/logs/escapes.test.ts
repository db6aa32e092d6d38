import { afterAll, beforeAll, expect, test } from 'bun:test'
import fc from 'fast-check'
import { faults } from '../../rig/fault/faults.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, size } from '../support/figure.ts'
import { type Front, fronts } from '../support/fronts.ts'
import { ask, modelToml, openStage, type Stage, upstreams } from '../support/stage.ts'
import { wrongAnswers } from '../support/wrong-answers.ts'
import { recordsIn } from './support/records.ts'

/**
 * G11 no promise rejection and no exception escapes. The gateway's own trap counts what does: over every fault of the
 * simulated vendors and every wrong answer, with clients that stay and clients that leave at any moment, reloads in
 * between, and requests that are none.
 */

let stage: Stage
beforeAll(async () => {
  const more =
    'retry = { max_retries = 1, backoff_ms = 1 }\ntimeouts = { connect_ms = 300, first_byte_ms = 1100, idle_ms = 300, total_ms = 2500 }'
  const models = upstreams.flatMap(({ dialect, provider, model }, index) => {
    const next = upstreams[(index + 1) % upstreams.length] ?? upstreams[0]
    return [
      modelToml(dialect, { provider, model, more }),
      modelToml(`${dialect}-with-fallback`, { provider, model, more }, { ...next, more }),
    ]
  })
  const toml = `[observability]\naccess = "public"\n[server]\nkeep_alive_ms = 1000\n${models.join('')}`
  stage = await openStage({ toml })
})
afterAll(() => stage.close())

interface Case {
  front: Front
  model: string
  fault: string
  stream: boolean
  /** Milliseconds after which the client leaves. */
  leaveMs: number
}

function cases(): Case[] {
  // Bombs and answers without end are kept small here; their own promises (J10, A10) take them at full size.
  const named = Object.keys(faults)
    .filter((name) => name !== 'custom-case')
    .map((name) => `[fault:${name}${name.endsWith('-bomb') ? '@4' : ''}]`)
  const all = [...named, ...wrongAnswers.map(({ fault }) => customFault(fault))]
  const leaving = fc.sample(fc.integer({ min: 0, max: 60 }), { numRuns: 500, seed: 5 })
  const made: Case[] = []
  for (const fault of all)
    for (const front of fronts)
      for (const { dialect } of upstreams)
        for (const stream of [false, true]) {
          const model = (made.length >> 1) % 2 === 0 ? dialect : `${dialect}-with-fallback`
          made.push({ front, model, fault, stream, leaveMs: 4_000 })
          for (let times = 0; times < size(1, 20); times += 1)
            made.push({ front, model, fault, stream, leaveMs: leaving[made.length % leaving.length] ?? 0 })
        }
  return made
}

async function run({ front, model, fault, stream, leaveMs }: Case): Promise<'answered' | 'left'> {
  const content = `[scene:text] ${fault}`
  const signal = AbortSignal.timeout(leaveMs)
  return ask(stage.gateway.url, front, { model, content, stream, signal }).then(
    () => 'answered',
    () => 'left',
  )
}

async function oddRequests(): Promise<number> {
  const paths = [
    '/v1/chat/completions',
    '/v1/messages',
    '/v1/messages/count_tokens',
    '/v1/models',
    '/nowhere',
    '/metrics',
  ]
  const bodies = ['', '{', '[]', '{"model":3}', '{"model":"x","messages":[]}', '\u0000', 'x'.repeat(100_000)]
  for (const path of paths)
    for (const body of bodies)
      for (const type of ['application/json', 'text/plain', ''])
        await fetch(stage.gateway.url + path, { method: 'POST', body, headers: { 'content-type': type } })
  return paths.length * bodies.length * 3
}

test('G11: nothing escapes', async () => {
  const all = cases()
  let next = 0
  const seen = { answered: 0, left: 0 }
  const client = async (): Promise<void> => {
    for (let mine = all[next++]; mine; mine = all[next++]) {
      seen[await run(mine)] += 1
      if (next % 200 === 0) stage.gateway.kill('SIGHUP')
    }
  }
  await Promise.all(Array.from({ length: 24 }, client))
  const odd = await oddRequests()
  const metrics = await (await fetch(`${stage.gateway.url}/metrics`)).text()
  const escaped = Number(/^xjp_uncaught_errors_total (\d+)/m.exec(metrics)?.[1] ?? Number.NaN)
  const { stdout, stderr } = stage.gateway.output()
  const { records } = recordsIn(stdout)
  const said = records.filter(({ level }) => level === 'error')
  figure('G11', { n: all.length + odd, ...seen, escaped, errors_in_log: said.length })
  expect(seen.answered).toBeGreaterThan(all.length / 4)
  expect(seen.left).toBeGreaterThan(all.length / 8)
  expect(escaped).toBe(0)
  expect(said).toEqual([])
  expect(stderr.replace(/^Administrator token.*\nKeep it safe.*\n/, '')).toBe('')
}, 300_000)
