import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { zstdCompressSync } from 'node:zlib'
import { brotliBomb, gzipBomb } from '../rig/fault/bombs.ts'
import type { Fault } from '../rig/fault/fault.ts'
import { namedFault } from '../rig/fault/faults.ts'
import { customFault } from './support/custom-fault.ts'
import { figure, isLong } from './support/figure.ts'
import { type Front, fronts } from './support/fronts.ts'
import { peakGrowth } from './support/memory.ts'
import { ask, modelToml, openStage, type Seen, type Stage, upstreams } from './support/stage.ts'

/** A10 a compressed or endless response cannot exhaust memory: at most 32 MB more, and an error within the limit. */

const LIMIT_MB = 32
const LIMIT_MS = 15_000
const BOMB_MB = isLong ? 1_024 : 256

let stage: Stage
beforeAll(async () => {
  const more =
    'timeouts = { first_byte_ms = 5000, idle_ms = 5000, total_ms = 15000 }\nretry = { max_retries = 0 }'
  const models = upstreams.map(({ dialect, provider, model }) =>
    modelToml(dialect, { provider, model, more }),
  )
  stage = await openStage({ toml: models.join('') })
  await warmUp()
})
afterAll(() => stage.close())

/** The runtime's own growth in its first requests is not the bombs'. */
async function warmUp(): Promise<void> {
  for (const front of fronts)
    for (const { dialect } of upstreams)
      for (const stream of [true, false])
        for (let round = 0; round < 40; round += 1)
          await ask(stage.gateway.url, front, { model: dialect, content: '[scene:big-event@200000]', stream })
}

function zstdBomb(megabytes: number): Uint8Array {
  const member = zstdCompressSync(new Uint8Array(1 << 24).fill(97))
  return Buffer.concat(Array.from({ length: Math.ceil(megabytes / 16) }, () => member))
}

function packed(encoding: string, body: Uint8Array): Fault {
  return {
    reply: (reply) => ({
      ...reply,
      headers: [...reply.headers, ['content-encoding', encoding]],
      parts: [body],
      framing: 'chunked',
    }),
  }
}

const packers = { gzip: gzipBomb, br: brotliBomb, zstd: zstdBomb }
const bombs: readonly { name: string; fault: Fault }[] = [
  ...Object.entries(packers).map(([encoding, pack]) => {
    const body = pack(BOMB_MB)
    return { name: `${BOMB_MB} MB in ${body.length} bytes of ${encoding}`, fault: packed(encoding, body) }
  }),
  { name: 'fifty nested encodings', fault: namedFault('nested-encodings', 50) },
  { name: 'an endless line', fault: namedFault('endless-line', undefined) },
  { name: 'an endless header block', fault: namedFault('endless-headers', undefined) },
  { name: 'endless JSON', fault: namedFault('endless-json', undefined) },
]

function isTypedError(front: Front, seen: Seen): boolean {
  if (seen.status !== 200) return seen.status >= 502 && front.errorFault(seen.json) === undefined
  const last = seen.events.at(-1)
  return last !== undefined && front.isError(last)
}

/** The collector of garbage has a clock of its own: what one try out of three does not need, the bomb does not cause. */
async function leastGrowth(bomb: () => Promise<void>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 3 && least > LIMIT_MB; tries += 1)
    least = Math.min(least, await peakGrowth(stage.gateway.pid, bomb))
  return least
}

const grown: number[] = []
let slowest = 0
afterAll(() => {
  figure('A10', {
    n: grown.length,
    worst_growth_mb: Math.round(Math.max(...grown)),
    limit_mb: LIMIT_MB,
    slowest_ms: Math.round(slowest),
  })
})

describe.each(bombs)('A10: $name', ({ fault }) => {
  for (const front of fronts)
    test.each([true, false])(`${front.name}, stream %p`, async (stream) => {
      for (const { dialect } of upstreams) {
        const content = `[scene:text] ${customFault(fault)}`
        const bomb = async (): Promise<void> => {
          const seen = await ask(stage.gateway.url, front, { model: dialect, content, stream })
          slowest = Math.max(slowest, seen.milliseconds)
          expect(seen.milliseconds).toBeLessThan(LIMIT_MS)
          expect({ dialect, typed: isTypedError(front, seen) || seen.text.slice(0, 300) }).toEqual({
            dialect,
            typed: true,
          })
        }
        const growth = await leastGrowth(bomb)
        grown.push(growth)
        expect({ dialect, growth: growth <= LIMIT_MB ? 'fine' : `${Math.round(growth)} MB` }).toEqual({
          dialect,
          growth: 'fine',
        })
      }
    })
})
