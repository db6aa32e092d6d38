import { afterAll, expect, test } from 'bun:test'
import { zstdCompressSync } from 'node:zlib'
import { brotliBomb, gzipBomb } from '../rig/fault/bombs.ts'
import type { Fault } from '../rig/fault/fault.ts'
import { namedFault } from '../rig/fault/faults.ts'
import { customFault } from './support/custom-fault.ts'
import { figure, isLong } from './support/figure.ts'
import { type Front, fronts } from './support/fronts.ts'
import { Memory } from './support/memory.ts'
import { ask, modelToml, openStage, type Seen, type Stage, upstreams } from './support/stage.ts'

/** A10 a compressed or endless response cannot exhaust memory: at most 32 MB more, and an error within the limit. */

const LIMIT_MB = 32
const LIMIT_MS = 15_000
const BOMB_MB = isLong ? 1_024 : 128
const ROUNDS = isLong ? 5 : 1
const WARM_ROUNDS = 40

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

const packers = { zstd: zstdBomb, br: brotliBomb, gzip: gzipBomb }
interface Bomb {
  kind: string
  name: string
  fault: Fault
}

/** Those that leave the least garbage first: fewer fresh programs are wanted. */
const bombs: readonly Bomb[] = [
  { kind: 'nested', name: 'fifty nested encodings', fault: namedFault('nested-encodings', 50) },
  { kind: 'headers', name: 'an endless header block', fault: namedFault('endless-headers', undefined) },
  ...Object.entries(packers).map(([kind, pack]) => {
    const body = pack(BOMB_MB)
    return { kind, name: `${BOMB_MB} MB in ${body.length} bytes of ${kind}`, fault: packed(kind, body) }
  }),
  { kind: 'line', name: 'an endless line', fault: namedFault('endless-line', undefined) },
  { kind: 'json', name: 'endless JSON', fault: namedFault('endless-json', undefined) },
]

function isTypedError(front: Front, seen: Seen): boolean {
  if (seen.status !== 200) return seen.status >= 502 && front.errorFault(seen.json) === undefined
  const last = seen.events.at(-1)
  return last !== undefined && front.isError(last)
}

const grown: Record<string, number> = {}
let n = 0
let slowest = 0
afterAll(() => {
  const worst = Object.entries(grown).map(([name, growth]) => [`${name}_mb`, Math.round(growth)] as const)
  figure('A10', {
    n,
    worst_growth_mb: Math.round(Math.max(...Object.values(grown))),
    limit_mb: LIMIT_MB,
    programs,
    slowest_ms: Math.round(slowest),
    ...Object.fromEntries(worst),
  })
})

const REST_MS = 1_200
/** The collector of an idle program may sleep for half a minute: what lasts longer than this gets a fresh program. */
const PATIENCE_MS = 500

const settings =
  'timeouts = { first_byte_ms = 5000, idle_ms = 5000, total_ms = 15000 }\nretry = { max_retries = 0 }'
const models = upstreams.map(({ dialect, provider, model }) =>
  modelToml(dialect, { provider, model, more: settings }),
)
let programs = 0

/** A gateway that has served, and rests. */
class Rested {
  readonly stage: Stage
  readonly memory: Memory

  constructor(stage: Stage) {
    this.stage = stage
    this.memory = new Memory(stage.gateway.pid)
  }

  static async open(cell: Cell): Promise<Rested> {
    const rested = new Rested(await openStage({ toml: models.join('') }))
    programs += 1
    // The runtime's own growth in its first requests is not the bombs'.
    for (let round = 0; round < WARM_ROUNDS; round += 1)
      await cell.ask(rested.stage, '[scene:big-event@200000]')
    await rested.memory.rest(REST_MS)
    return rested
  }
}

/** One way to ask. It has a gateway for itself: its growth is not hidden by what another one left. */
class Cell {
  readonly #front: Front
  readonly #dialect: string
  readonly #stream: boolean
  #rested: Rested | undefined

  constructor(front: Front, dialect: string, stream: boolean) {
    this.#front = front
    this.#dialect = dialect
    this.#stream = stream
  }

  async explode({ kind, fault }: Bomb): Promise<void> {
    const { stage, memory } = await this.#atRest()
    const growth = await memory.peakGrowth(async () => {
      const seen = await this.ask(stage, `[scene:text] ${customFault(fault)}`)
      slowest = Math.max(slowest, seen.milliseconds)
      expect(seen.milliseconds).toBeLessThan(LIMIT_MS)
      expect({ ...this.#name, typed: isTypedError(this.#front, seen) || seen.text.slice(0, 300) }).toEqual({
        ...this.#name,
        typed: true,
      })
    })
    n += 1
    grown[kind] = Math.max(grown[kind] ?? 0, growth)
    expect({ ...this.#name, growth: growth <= LIMIT_MB ? 'fine' : `${Math.round(growth)} MB` }).toEqual({
      ...this.#name,
      growth: 'fine',
    })
  }

  ask(stage: Stage, content: string): Promise<Seen> {
    return ask(stage.gateway.url, this.#front, { model: this.#dialect, content, stream: this.#stream })
  }

  async close(): Promise<void> {
    await this.#rested?.stage.close()
  }

  async #atRest(): Promise<Rested> {
    if (this.#rested && (await this.#rested.memory.settles(PATIENCE_MS))) return this.#rested
    await this.close()
    this.#rested = await Rested.open(this)
    return this.#rested
  }

  get #name() {
    return { front: this.#front.name, dialect: this.#dialect, stream: this.#stream }
  }
}

const cells = fronts.flatMap((front) =>
  upstreams.flatMap(({ dialect }) => [true, false].map((stream) => new Cell(front, dialect, stream))),
)
afterAll(async () => {
  await Promise.all(cells.map((cell) => cell.close()))
})

test.each(bombs)(
  'A10: $name',
  async (bomb) => {
    for (let round = 0; round < ROUNDS; round += 1) await Promise.all(cells.map((cell) => cell.explode(bomb)))
  },
  600_000,
)
