import { describe, expect, test } from 'bun:test'
import { formatDollars, parseDollars } from '../../../src/usage/money.ts'
import { figure, size } from '../support/figure.ts'
import { modelToml } from '../support/stage.ts'
import { type Answered, ask, countOf, numberIn, tokensIn, until } from './support/ask.ts'
import { backends } from './support/backends.ts'

/** D3 and D4: tokens and money are reserved before the call and settled after it. */

const LONGEST = 200

describe('promise D3', () => {
  for (const { name, open } of backends)
    test(`${name}: 50 concurrent calls cannot overshoot a limit of tokens for ten of them`, async () => {
      const office = await open()
      try {
        const [gateway] = office.gateways as [(typeof office.gateways)[0]]
        const limit = 10 * LONGEST
        const rounds = size(4, 40)
        for (let round = 0; round < rounds; round += 1) {
          const { key } = await office.issue({ limits: { tokensPerMinute: limit } })
          const answers = await Promise.all(
            Array.from({ length: 50 }, (_, index) => {
              const max_tokens = 1 + ((index * 37 + round * 11) % LONGEST)
              const content = `hello ${'word '.repeat((index * 13) % 20)}[fault:trickle@20]`
              return ask(gateway.url, { key, content, more: { max_tokens } })
            }),
          )
          const passed = answers.filter(({ status }) => status === 200)
          expect(countOf(answers, 429)).toBe(50 - passed.length)
          expect(passed.length).toBeGreaterThanOrEqual(10)
          const used = passed.reduce((sum, answer) => sum + tokensIn(answer), 0)
          expect(used).toBeLessThanOrEqual(limit)
          for (const answer of passed)
            expect(numberIn(answer, 'x-ratelimit-remaining-tokens')).toBeGreaterThanOrEqual(0)
          // What was not used is back within 100 ms: all but what the calls used can be reserved again.
          const begun = performance.now()
          const ample = { key, more: { max_tokens: limit - used - 12 } }
          let last: Answered | undefined
          await until(async () => (last = await ask(gateway.url, ample)).status === 200, 1_000)
          expect(performance.now() - begun).toBeLessThan(100 + 400)
          expect(numberIn(last as Answered, 'x-ratelimit-remaining-tokens')).toBeLessThan(12)
        }
        figure('D3', { backend: name.replaceAll(' ', '_'), rounds, concurrent: 50, over_the_limit: 0 })
      } finally {
        await office.close()
      }
    }, 300_000)
})

/** Only answers cost, so that a reservation is known without counting the prompt: 100 tokens at ten dollars a million. */
const prices = `
${modelToml('dear', { provider: 'openai', model: 'gpt-4.1', more: 'retry = { max_retries = 0, backoff_ms = 1 }' }, { provider: 'anthropic', model: 'claude-opus-4-6', more: 'retry = { max_retries = 0, backoff_ms = 1 }' })}
[prices."openai/*"]
input = 0
output = 2
[prices."anthropic/*"]
input = 0
output = 10
`
const RESERVED = parseDollars('0.001')
const BALANCE = 10n * RESERVED

describe('promise D4', () => {
  for (const { name, open } of backends)
    test(`${name}: a balance for ten calls under 1,000 concurrent ones never goes below zero`, async () => {
      const office = await open({ toml: prices })
      try {
        const [gateway] = office.gateways as [(typeof office.gateways)[0]]
        const rounds = size(1, 10)
        const spentInAll: string[] = []
        for (let round = 0; round < rounds; round += 1) {
          const { key, record } = await office.issue({
            limits: { budgetPerDay: BALANCE, requestsPerMinute: 1_000_000 },
          })
          const call = (content: string): Promise<Answered> =>
            ask(gateway.url, { key, content, model: 'dear', more: { max_tokens: 100 } })
          // A third fails and is refunded; a third fails at the first target and goes to the dearer one.
          const failing = Array.from({ length: 330 }, () => ({ vendor: 'openai', scene: 'error@500' }))
          office.upstream.script.add(...failing)
          const answers = await Promise.all(
            Array.from({ length: 1_000 }, (_, index) =>
              call(index % 3 === 0 ? '[scene:error@500]' : `hello [fault:trickle@${(index % 5) * 10}]`),
            ),
          )
          office.upstream.script.clear()
          let spent = answers
            .filter(({ status }) => status === 200)
            .reduce((sum, answer) => sum + costIn(answer), 0n)
          expect(spent).toBeLessThanOrEqual(BALANCE)
          expect(spent).toBeGreaterThan(0n)
          expect(answers.filter(({ status }) => ![200, 429, 500, 502].includes(status))).toEqual([])
          // What is left is exactly what was not spent: one by one until a reservation does not fit any more.
          while (BALANCE - spent >= RESERVED) {
            const answer = await call('hello')
            expect(answer.status).toBe(200)
            spent += costIn(answer)
          }
          expect((await call('hello')).status).toBe(429)
          await until(
            async () =>
              (await office.database.usage.spent({ tenant: record.tenant, keyId: record.id }, 0)) === spent,
          )
          spentInAll.push(formatDollars(spent))
        }
        figure('D4', {
          backend: name.replaceAll(' ', '_'),
          rounds,
          concurrent: 1_000,
          balance: formatDollars(BALANCE),
          spent: spentInAll.join(' '),
        })
      } finally {
        await office.close()
      }
    }, 300_000)
})

function costIn(answer: Answered): bigint {
  return parseDollars(answer.headers.get('x-xjp-cost') ?? 'missing')
}
