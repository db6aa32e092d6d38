import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { swarm } from '../../rig/swarm.ts'
import { figure } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { ask, openStage, type Stage, upstreams } from '../support/stage.ts'
import { failingMark, newWord, routesToml, UNBOUNDED } from './support/routes.ts'

/**
 * B1 retry decisions follow one published table: every status of an upstream, with a `retry-after` and without, for
 * both clients and all upstream dialects, streamed and whole.
 */

interface Row {
  statuses: readonly number[]
  /** The vendor's own code for the error. */
  code?: string
  /** How often the first route is asked. */
  tries: 1 | 3
  /** Whether the second is asked then. */
  fallsBack: boolean
  only?: string
  but?: string
}

/** docs/guide/operation.md, "Retries and fallback". */
const published: readonly Row[] = [
  {
    statuses: [429, 500, 502, 503, 504, 505, 507, 520, 522, 524, 529, 599],
    tries: 3,
    fallsBack: true,
  },
  { statuses: [408, 501], tries: 3, fallsBack: true, but: 'generate-content' },
  // Here it is the vendor's word for what a model cannot do.
  { statuses: [501], tries: 1, fallsBack: false, only: 'generate-content' },
  { statuses: [401, 402, 499], tries: 1, fallsBack: true },
  { statuses: [405], tries: 1, fallsBack: true, but: 'generate-content' },
  { statuses: [429], code: 'insufficient_quota', tries: 1, fallsBack: true, only: 'chat-completions' },
  { statuses: [400, 403, 404, 409, 410, 413, 414, 415, 417, 422, 425, 431, 451], tries: 1, fallsBack: false },
]

const RETRY_AFTER_SECONDS = 0.08
const times = [undefined, RETRY_AFTER_SECONDS]

const cells = upstreams.flatMap((upstream) =>
  fronts.flatMap((front) =>
    [true, false].flatMap((stream) =>
      published.flatMap((row) =>
        (row.only ?? upstream.dialect) !== upstream.dialect || row.but === upstream.dialect
          ? []
          : row.statuses.flatMap((status) =>
              times.map((retryAfterSeconds) => ({ upstream, front, stream, row, status, retryAfterSeconds })),
            ),
      ),
    ),
  ),
)
type Cell = (typeof cells)[number]

/** A healthy second route in another dialect. */
const SECOND = { provider: 'openrouter', model: 'anthropic/claude-sonnet-4.5' }

let stage: Stage
beforeAll(async () => {
  // Each cell has models of its own: what an upstream asks to be left alone for holds for all who use its model.
  const models = cells.map(({ upstream }, index) =>
    routesToml(`cell-${index}`, [
      { provider: upstream.provider, model: `${upstream.model}-${index}` },
      SECOND,
    ]),
  )
  const retry = '[retry]\nmax_retries = 2\nbackoff_ms = 1\nbudget = 10\n'
  stage = await openStage({ toml: `${retry}${UNBOUNDED}${models.join('')}` })
})
afterAll(() => stage.close())

function decided(cell: Cell, index: number): Promise<string> {
  const { upstream, front, stream, row, status, retryAfterSeconds } = cell
  const word = newWord()
  const failure = { status, ...(row.code ? { code: row.code } : {}), retryAfterSeconds }
  const content = `[scene:text] ${failingMark(upstream.provider, failure)} ${word}`
  return ask(stage.gateway.url, front, { model: `cell-${index}`, content, stream }).then((seen) => {
    const entries = stage.upstream.ledger.withText(word)
    const own = entries.filter(({ vendor }) => vendor === upstream.provider)
    const gaps = own.slice(1).map(({ at }, place) => at - (own[place]?.at ?? 0))
    // Timers are whole milliseconds.
    const early = gaps.filter((gap) => gap < (retryAfterSeconds ?? 0) * 1_000 - 1)
    const second = entries.filter(({ vendor }) => vendor === SECOND.provider).length
    return `${own.length} tries, ${second} of the second, ${seen.status === 200 ? 'answered' : 'refused'}, early: ${early}`
  })
}

describe('B1', () => {
  test('every status does what the table says', async () => {
    const deviations: string[] = []
    await swarm(cells.length, 24, async (index) => {
      const cell = cells[index] as Cell
      const { row, upstream, front, stream, status, retryAfterSeconds } = cell
      const found = await decided(cell, index)
      const wanted = `${row.tries} tries, ${row.fallsBack ? 1 : 0} of the second, ${row.fallsBack ? 'answered' : 'refused'}, early: `
      if (found !== wanted)
        deviations.push(
          `${front.name} → ${upstream.dialect}, stream ${stream}, ${status} ${row.code ?? ''}, retry-after ${retryAfterSeconds}: ${found}`,
        )
    })
    figure('B1', { cells: cells.length, deviations: deviations.length })
    expect(deviations).toEqual([])
  })
})
