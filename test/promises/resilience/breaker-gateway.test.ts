import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { figure, percentile, size } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { ask, openStage, type Seen, type Stage } from '../support/stage.ts'
import { inParallel, statusOf } from './support/watch.ts'

// B11, through the whole gateway: the upstream sees the configured probes, and everybody else is told at once.

const PROBES = 3
const OPEN_MS = 400
const CALLERS = 1_000
const ROUNDS = size(2, 20)
/** How probes end that say nothing about the upstream, or badly. */
const fates = ['[scene:error@400]', '[fault:stall-head]', '[fault:cut-head-rst]', '[scene:error@404]']

let stage: Stage
beforeAll(async () => {
  stage = await openStage({
    toml: `[limits]
max_delay_ms = 0
[retry]
max_retries = 0
[models.m.primary]
provider = "openai"
provider_model_id = "gpt-4.1"
timeouts = { first_byte_ms = 1000 }
circuit = { failure_threshold = 3, open_ms = ${OPEN_MS}, probes = ${PROBES}, success_threshold = ${PROBES} }
`,
  })
})
afterAll(() => stage.close())

function call(content: string): Promise<Seen> {
  return ask(stage.gateway.url, chatFront, { model: 'm', content, stream: false })
}

async function untilState(wanted: string): Promise<void> {
  for (;;) {
    const { circuits } = await statusOf(stage.gateway.url)
    if (circuits[0]?.state === wanted) return
    await Bun.sleep(5)
  }
}

describe('B11', () => {
  test('a thousand callers at half open: as many probes as configured, and it recovers', async () => {
    let mostAtOnce = 0
    let refused = 0
    const milliseconds: number[] = []
    const { ledger } = stage.upstream
    for (let round = 0; round < ROUNDS; round += 1) {
      await inParallel(3, 1, async () => void (await call('[fault:cut-head-rst] x')))
      expect((await statusOf(stage.gateway.url)).circuits[0]?.state).toBe('open')
      // Everybody comes, first with what probes can do badly, then in peace.
      for (const content of [fates[round % fates.length] ?? '', 'hello']) {
        await untilState('half_open')
        ledger.clear()
        const add = ledger.add.bind(ledger)
        ledger.add = (entry) => {
          add(entry)
          const underWay = ledger.entries.filter(({ ended }) => ended === undefined).length
          // Once probes have succeeded it is closed, and whoever comes is let through.
          const mayBeClosed = content === 'hello' && underWay < ledger.entries.length
          if (!mayBeClosed) mostAtOnce = Math.max(mostAtOnce, underWay)
        }
        // What is answered takes a while, so that all callers are there at the same time.
        const slow = content === 'hello' ? '[fault:stall-head@300] hello' : content
        await inParallel(CALLERS, CALLERS, async () => {
          const seen = await call(slow)
          if (seen.status !== 503) return
          refused += 1
          expect(Number(seen.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
          milliseconds.push(seen.milliseconds)
        })
        ledger.add = add
      }
      await untilState('closed')
    }
    figure('B11 (gateway)', {
      rounds: ROUNDS,
      callers: CALLERS,
      most_probes_at_once: mostAtOnce,
      refused,
      refused_p50_ms: Math.round(percentile(milliseconds, 0.5)),
    })
    expect(mostAtOnce).toBe(PROBES)
    expect(refused).toBeGreaterThan(CALLERS)
  })
})
