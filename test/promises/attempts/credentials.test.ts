import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { keyOf } from '../../rig/vendors.ts'
import { figure, size } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { ask, openStage, type Stage, upstreams } from '../support/stage.ts'
import { newWord, routesToml, UNSHED } from './support/routes.ts'

/** Several credentials of one provider, and D6: a place is free when the last byte is sent. */

const N = size(400, 2_000)

let stage: Stage
beforeAll(async () => {
  const providers = upstreams.map(
    ({ provider }) => `[[providers.${provider}.credentials]]
name = "stale"
api_key = "no-longer-good-0123456789"
[[providers.${provider}.credentials]]
name = "good"
api_key = "${keyOf(provider)}"
`,
  )
  const narrow = `[[providers.openrouter.credentials]]
name = "only"
api_key = "${keyOf('openrouter')}"
concurrency = 1
`
  const models = upstreams.map(({ dialect, provider, model }) =>
    routesToml(dialect, [{ provider, model, more: 'retry = { max_retries = 0 }' }]),
  )
  stage = await openStage({
    toml: [
      UNSHED,
      ...providers,
      narrow,
      ...models,
      routesToml('narrow', [
        { provider: 'openrouter', model: 'anthropic/claude-sonnet-4.5', more: 'retry = { max_retries = 0 }' },
      ]),
    ].join(''),
  })
})
afterAll(() => stage.close())

describe('a credential that is refused', () => {
  test('gives way to the next at once, and is left alone after that', async () => {
    for (const { dialect } of upstreams)
      for (const front of fronts)
        for (const stream of [true, false]) {
          const first = front === fronts[0] && stream
          const begun = performance.now()
          const word = newWord()
          const seen = await ask(stage.gateway.url, front, { model: dialect, content: word, stream })
          expect([dialect, seen.status, seen.headers.get('x-xjp-attempts')]).toEqual([
            dialect,
            200,
            first ? '2' : '1',
          ])
          expect(stage.upstream.ledger.withText(word).map(({ status }) => status)).toEqual(
            first ? [dialect === 'generate-content' ? 400 : 401, 200] : [200],
          )
          expect(performance.now() - begun).toBeLessThan(1_000)
        }
  })
})

test('D6: one place, one call after another: none finds it taken', async () => {
  let refused = 0
  for (let index = 0; index < N; index += 1) {
    const front = fronts[index % 2] ?? fronts[0]
    const scene = index % 5 === 0 ? '[scene:error-middle@500]' : '[scene:text]'
    const asked = { model: 'narrow', content: `${scene} ${index}`, stream: index % 4 < 2 }
    if (front && (await ask(stage.gateway.url, front, asked)).status === 503) refused += 1
  }
  figure('D6', { n: N, place: '"a credential"', refused })
  expect(refused).toBe(0)
})

test('a second call at the same time is told that it is busy', async () => {
  const [front] = fronts
  if (!front) throw new Error('there is a front')
  const long = ask(stage.gateway.url, front, {
    model: 'narrow',
    content: '[fault:stall-head@400]',
    stream: false,
  })
  await Bun.sleep(150)
  const second = await ask(stage.gateway.url, front, { model: 'narrow', content: 'hello', stream: true })
  expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1'])
  expect(front.errorMessage(second.json)).toContain('has as many calls open as it may')
  expect((await long).status).toBe(200)
})
