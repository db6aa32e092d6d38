import { describe, expect, test } from 'bun:test'
import { figure, isLong, size } from '../support/figure.ts'
import { type Answered, ask, numberIn } from './support/ask.ts'
import { backends } from './support/backends.ts'

/**
 * D9: headers tell the truth. A thousand cycles with an injected clock are in src/policies/limit.test.ts; these are real
 * ones, over HTTP and by the clock on the wall.
 */

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Milliseconds of `350ms`, `1s`, `1m1s`. */
function milliseconds(duration: string): number {
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }
  return [...duration.matchAll(/(\d+)(ms|h|m|s)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0),
    0,
  )
}

describe('promise D9', () => {
  for (const { name, open } of backends)
    test(`${name}: who waits as told is not refused again; reset and Retry-After agree`, async () => {
      const office = await open()
      try {
        const url = office.gateways[0]?.url ?? ''
        // A burst of two that comes back every 100 ms.
        const { key } = await office.issue({ limits: { requestsPerMinute: 600, burst: 2 } })
        const cycles = size(15, 500)
        let refused = 0
        let again = 0
        for (let cycle = 0; cycle < cycles; cycle += 1) {
          let answer: Answered = await ask(url, { key })
          while (answer.status === 200) answer = await ask(url, { key })
          refused += 1
          expect(answer.status).toBe(429)
          expect(numberIn(answer, 'retry-after')).toBe(numberIn(answer, 'x-ratelimit-reset'))
          // The finer header is true too.
          await wait(milliseconds(answer.headers.get('x-ratelimit-reset-requests') ?? ''))
          const next = await ask(url, { key })
          if (next.status === 429) again += 1
          expect(numberIn(next, 'x-ratelimit-remaining')).toBeLessThan(2)
        }
        figure('D9', { backend: name.replaceAll(' ', '_'), n: cycles, refused, again_after_waiting: again })
        expect(again).toBe(0)
      } finally {
        await office.close()
      }
    }, 120_000)

  // A real minute: at full size only.
  if (isLong)
    for (const { name, open } of backends)
      test(`${name}: a full minute`, async () => {
        const office = await open()
        try {
          const url = office.gateways[0]?.url ?? ''
          const { key } = await office.issue({ limits: { requestsPerMinute: 3 } })
          for (let cycle = 0; cycle < 2; cycle += 1) {
            for (const remaining of [2, 1, 0])
              expect(numberIn(await ask(url, { key }), 'x-ratelimit-remaining')).toBe(remaining)
            const answer = await ask(url, { key })
            expect(answer.status).toBe(429)
            await wait(numberIn(answer, 'retry-after') * 1_000)
          }
        } finally {
          await office.close()
        }
      }, 200_000)
})
