import { expect, test } from 'bun:test'
import { ownRedis } from '../../support/services/redis.ts'
import { openOffice } from '../keys/support/office.ts'
import { type Answered, ask, until } from '../limits/support/ask.ts'
import { figure, percentile, size } from '../support/figure.ts'
import { BARE, startPoller } from '../support/poller.ts'
import { cpuSecondsOf, residentMegabytesOf } from '../support/process-usage.ts'

/** F8 a frozen Redis costs at most one command time-out in each window in which nobody asks it. */

const USERS = 50
const THINKING_MS = 100
const BEFORE_MS = size(2_000, 60_000)
const FROZEN_MS = size(3_000, 90_000)
const AFTER_MS = size(1_500, 60_000)
const P99_MS = 500
/** CPU for each request, and memory, against what they were before. */
const RATIO = 1.3

/** What a stretch of time gave. */
interface Stretch {
  answers: Answered[]
  cpuMsEach: number
}

test(`F8: ${USERS} users through ${FROZEN_MS / 1000} s with a frozen Redis: no failure`, async () => {
  const redis = await ownRedis()
  const office = await openOffice({ redisUrl: redis.url })
  const [gateway] = office.gateways
  if (gateway === undefined) throw new Error('there is a gateway')
  const { url, pid } = gateway
  const beside = await startPoller({}, 20)
  try {
    const { key } = await office.issue({ limits: { requestsPerMinute: 1_000_000, tokensPerMinute: 1e9 } })
    const stretch = async (milliseconds: number): Promise<Stretch> => {
      const end = performance.now() + milliseconds
      const answers: Answered[] = []
      const cpu = cpuSecondsOf(pid)
      const user = async (): Promise<void> => {
        while (performance.now() < end) {
          answers.push(await ask(url, { key }))
          await Bun.sleep(THINKING_MS)
        }
      }
      await Promise.all(Array.from({ length: USERS }, user))
      return { answers, cpuMsEach: ((cpuSecondsOf(pid) - cpu) * 1000) / answers.length }
    }
    const isRedisUp = async (): Promise<boolean> =>
      (await (await fetch(`${url}/readyz`)).text()).includes('"store":"redis","up":true')
    await until(isRedisUp)
    // What a program compiles and keeps in its first seconds is not Redis' doing.
    await stretch(BEFORE_MS / 2)
    const before = await stretch(BEFORE_MS)
    const memory = residentMegabytesOf(pid)
    beside.take()
    redis.freeze()
    const frozen = await stretch(FROZEN_MS)
    const delay = percentile(beside.take().get(BARE)?.milliseconds ?? [], 0.99)
    const memoryRatio = residentMegabytesOf(pid) / memory
    redis.thaw()
    const after = await stretch(AFTER_MS)
    await until(isRedisUp, 10_000)
    const answers = [...frozen.answers, ...after.answers]
    const time = (share: number): number =>
      percentile(
        answers.map(({ milliseconds }) => milliseconds),
        share,
      )
    const { stdout } = gateway.output()
    const asked = stdout.split('"message":"request"').length - 1
    figure('F8', {
      users: USERS,
      frozen_ms: FROZEN_MS,
      n: answers.length,
      failures: answers.filter(({ status }) => status !== 200).length,
      p50_ms: Math.round(time(0.5)),
      p90_ms: Math.round(time(0.9)),
      p99_ms: Math.round(time(0.99)),
      bare_p99_ms: Math.round(delay),
      cpu_ratio: (frozen.cpuMsEach / before.cpuMsEach).toFixed(2),
      memory_ratio: memoryRatio.toFixed(2),
      log_bytes_per_request: Math.round(Buffer.byteLength(stdout) / asked),
    })
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    expect(time(0.99)).toBeLessThanOrEqual(P99_MS + delay)
    expect(frozen.cpuMsEach / before.cpuMsEach).toBeLessThanOrEqual(RATIO)
    expect(memoryRatio).toBeLessThanOrEqual(RATIO)
    expect(Buffer.byteLength(stdout) / asked).toBeLessThanOrEqual(2_048)
  } finally {
    redis.thaw()
    await beside.stop()
    await office.close()
    await redis.close()
  }
}, 600_000)
