import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Fault } from '../rig/fault/fault.ts'
import { swarm } from '../rig/swarm.ts'
import { customFault } from './support/custom-fault.ts'
import { type DeafPort, deafPort } from './support/deaf-port.ts'
import { figure, isLong, percentile, size } from './support/figure.ts'
import { type Front, fronts } from './support/fronts.ts'
import { ask, modelToml, openStage, type Seen, type Stage, upstreams } from './support/stage.ts'

/**
 * A6 the clocks for connecting, first byte, idle gap and total are each honoured; A7 a first byte that does not come
 * leads to the fallback.
 */

const CONNECT_MS = 400
const FIRST_BYTE_MS = 500
const IDLE_MS = 600
const TOTAL_MS = 1_500
const TOLERANCE_MS = 250

/** A vendor that is nobody's first choice here, so that cues for the first ones meet no fallback. */
const HEALTHY = { provider: 'openrouter', model: 'openai/gpt-4.1' } as const

let stage: Stage
let deaf: DeafPort
beforeAll(async () => {
  deaf = await deafPort()
  const more = `timeouts = { first_byte_ms = ${FIRST_BYTE_MS}, idle_ms = ${IDLE_MS}, total_ms = ${TOTAL_MS} }\nretry = { max_retries = 0 }`
  const models = upstreams.map(({ dialect, provider, model }) =>
    modelToml(dialect, { provider, model, more }),
  )
  stage = await openStage({
    toml: [
      '[circuit]\nenabled = false\n',
      ...models,
      '[providers.deaf]\ntype = "openai_compat"\napi_key = "none"\n',
      `base_url = "http://127.0.0.1:${deaf.port}/v1"\n`,
      modelToml('deaf', {
        provider: 'deaf',
        model: 'any',
        more: `timeouts = { connect_ms = ${CONNECT_MS} }\nretry = { max_retries = 0 }`,
      }),
      ...upstreams.map(({ dialect, provider, model }) =>
        modelToml(`${dialect}-with-fallback`, { provider, model, more }, { ...HEALTHY, more }),
      ),
    ].join(''),
  })
})
afterAll(async () => {
  await stage.close()
  deaf.close()
})

interface Silence {
  name: string
  fault: Fault
  limitMs: number
  /** The clock that must ring, as errors name it. */
  clock: 'first_byte' | 'idle' | 'total'
  /** Only where the answer comes in pieces. */
  streamOnly?: boolean
}

const silences: readonly Silence[] = [
  {
    name: 'before the headers',
    fault: { stalls: [{ at: 0, of: 'wire', ms: Number.POSITIVE_INFINITY }] },
    limitMs: FIRST_BYTE_MS,
    clock: 'first_byte',
  },
  {
    name: 'in the headers',
    fault: { stalls: [{ at: 20, of: 'wire', ms: Number.POSITIVE_INFINITY }] },
    limitMs: FIRST_BYTE_MS,
    clock: 'first_byte',
  },
  {
    name: 'before the first byte of the body',
    fault: { stalls: [{ at: 0, ms: Number.POSITIVE_INFINITY }] },
    limitMs: FIRST_BYTE_MS,
    clock: 'first_byte',
  },
  {
    name: 'inside the first event',
    fault: { stalls: [{ at: 40, ms: Number.POSITIVE_INFINITY }] },
    limitMs: IDLE_MS,
    clock: 'idle',
  },
  {
    name: 'inside a later event',
    fault: { stalls: [{ at: 1_503, ms: Number.POSITIVE_INFINITY }] },
    limitMs: IDLE_MS,
    clock: 'idle',
    streamOnly: true,
  },
  {
    name: 'between two events',
    fault: {
      events: (events) => events.slice(0, 6),
      reply: (reply) => ({ ...reply, framing: 'close' }),
      stalls: [{ at: Number.MAX_SAFE_INTEGER, ms: Number.POSITIVE_INFINITY }],
    },
    limitMs: IDLE_MS,
    clock: 'idle',
    streamOnly: true,
  },
  {
    name: 'never for long: a trickle',
    fault: { paceMs: 250 },
    limitMs: TOTAL_MS,
    clock: 'total',
    streamOnly: true,
  },
]

/** What a client is told: a 504, or an error event when the stream had begun. */
function told(front: Front, seen: Seen): string {
  if (seen.status === 504 && front.errorFault(seen.json) === undefined) return front.errorMessage(seen.json)
  const last = seen.events.at(-1)
  if (seen.status === 200 && last && front.isError(last)) return front.errorMessage(JSON.parse(last.data))
  return `not a time-out: ${seen.status} ${seen.text.slice(-300)}`
}

const overruns: number[] = []
afterAll(() => {
  figure('A6', {
    n: overruns.length,
    worst_overrun_ms: Math.round(Math.max(...overruns)),
    limit_ms: TOLERANCE_MS,
  })
})

function check(front: Front, seen: Seen, limitMs: number, clock: string): void {
  expect(told(front, seen)).toContain(`(${clock} time-out)`)
  expect(seen.milliseconds).toBeGreaterThan(limitMs - 20)
  expect(seen.milliseconds).toBeLessThan(limitMs + TOLERANCE_MS)
  overruns.push(seen.milliseconds - limitMs)
}

describe.concurrent.each(silences)('A6: silence $name', ({ fault, limitMs, clock, streamOnly }) => {
  for (const isStream of streamOnly ? [true] : [true, false])
    test(`every dialect, ${isStream ? 'streamed' : 'whole'}: the ${clock} clock rings in time`, async () => {
      const cells = fronts.flatMap((front) => upstreams.map(({ dialect }) => ({ front, dialect })))
      await swarm(cells.length * (isLong ? 10 : 1), 6, async (index) => {
        const { front, dialect } = cells[index % cells.length] as (typeof cells)[number]
        const content = `[scene:long@60] ${customFault(fault)}`
        const seen = await ask(stage.gateway.url, front, { model: dialect, content, stream: isStream })
        check(front, seen, limitMs, clock)
      })
    })
})

test('A6: a connection that is not accepted ends at the connect clock', async () => {
  const connects: number[] = []
  await swarm(6, 3, async (index) => {
    const front = fronts[index % 2] as Front
    const asked = { model: 'deaf', content: 'anyone there?', stream: index < 3 }
    const seen = await ask(stage.gateway.url, front, asked)
    check(front, seen, CONNECT_MS, 'connect')
    connects.push(seen.milliseconds)
  })
  expect(connects).toHaveLength(6)
})

describe('A7: a stalled first byte leads to the fallback', () => {
  const EACH = size(15, 100)
  const stalls = ['stall-head', 'stall-start'] as const
  const cells = fronts.flatMap((front) =>
    upstreams.flatMap(({ dialect, provider }) =>
      [true, false].map((stream) => ({ front, dialect, provider, stream })),
    ),
  )
  const added: number[] = []
  let n = 0
  afterAll(() => {
    const worst = Math.max(...added.map((ms) => Math.abs(ms - FIRST_BYTE_MS)))
    figure('A7', {
      cells: cells.length * stalls.length,
      n,
      succeeded: added.length,
      first_byte_ms: FIRST_BYTE_MS,
      p50_ms: Math.round(percentile(added, 0.5)),
      worst_off_ms: Math.round(worst),
      limit_ms: TOLERANCE_MS,
    })
  })

  test.each(stalls)('%s: every client and upstream dialect, streamed and whole', async (stall) => {
    stage.upstream.script.clear()
    for (const { provider } of cells)
      stage.upstream.script.add(...Array.from({ length: EACH }, () => ({ vendor: provider, fault: stall })))
    await swarm(cells.length * EACH, 36, async (index) => {
      const { front, dialect, stream } = cells[index % cells.length] as (typeof cells)[number]
      const asked = { model: `${dialect}-with-fallback`, content: '[scene:text] please', stream }
      const seen = await ask(stage.gateway.url, front, asked)
      n += 1
      expect(seen.status).toBe(200)
      expect(seen.headers.get('x-xjp-provider')).toBe(HEALTHY.provider)
      expect(seen.headers.get('x-xjp-attempts')).toBe('2')
      expect(seen.text).toContain('fox')
      expect(Math.abs(seen.milliseconds - FIRST_BYTE_MS)).toBeLessThan(TOLERANCE_MS)
      added.push(seen.milliseconds)
    })
  })
})
