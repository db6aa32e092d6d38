import { describe, expect, test } from 'bun:test'
import { figure, size } from '../support/figure.ts'
import { ask, countOf } from './support/ask.ts'
import { backends, openShared } from './support/backends.ts'

/** D1 and D2: requests a minute are exact under concurrency, in one process and over replicas. */

const SIMULTANEOUS = 500
const LIMIT = 100

describe('promise D1', () => {
  for (const { name, open } of backends)
    test(`${name}: 500 simultaneous on a limit of 100 admit 100`, async () => {
      const office = await open()
      try {
        const [gateway] = office.gateways as [(typeof office.gateways)[0]]
        const runs = size(6, 50)
        for (let run = 0; run < runs; run += 1) {
          const { key } = await office.issue({ limits: { requestsPerMinute: LIMIT } })
          const answers = await Promise.all(
            Array.from({ length: SIMULTANEOUS }, () => ask(gateway.url, { key })),
          )
          expect({ admitted: countOf(answers, 200), refused: countOf(answers, 429) }).toEqual({
            admitted: LIMIT,
            refused: SIMULTANEOUS - LIMIT,
          })
          expect(office.upstream.ledger.entries).toHaveLength(LIMIT)
          office.upstream.ledger.clear()
        }
        figure('D1', {
          backend: name.replaceAll(' ', '_'),
          runs,
          simultaneous: SIMULTANEOUS,
          admitted_each: LIMIT,
        })
      } finally {
        await office.close()
      }
    }, 300_000)
})

describe('promise D2', () => {
  test('three gateways on one Redis and PostgreSQL admit 100 of 500, also when one is killed', async () => {
    const office = await openShared({ replicas: 3 })
    try {
      const burst = async (kill: boolean): Promise<number> => {
        const { key } = await office.issue({ limits: { requestsPerMinute: LIMIT } })
        const { gateways } = office
        const answers = await Promise.allSettled(
          Array.from({ length: SIMULTANEOUS }, (_, index) => {
            if (kill && index === SIMULTANEOUS / 2) gateways[2]?.kill('SIGKILL')
            return ask(gateways[index % 3]?.url ?? '', { key })
          }),
        )
        // What the killed one had let through reached the upstream, whatever its clients saw.
        const admitted = office.upstream.ledger.entries.length
        const seen = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
        expect(countOf(seen, 200)).toBeLessThanOrEqual(LIMIT)
        expect(admitted).toBeLessThanOrEqual(LIMIT)
        office.upstream.ledger.clear()
        return countOf(seen, 200)
      }
      const rounds = size(3, 20)
      for (let round = 0; round < rounds; round += 1) expect(await burst(false)).toBe(LIMIT)
      const afterKill = await burst(true)
      figure('D2', {
        rounds,
        replicas: 3,
        simultaneous: SIMULTANEOUS,
        admitted_each: LIMIT,
        admitted_with_a_kill: afterKill,
      })
    } finally {
      await office.close()
    }
  }, 300_000)
})
