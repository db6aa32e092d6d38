import { afterAll, beforeAll, expect, test } from 'bun:test'
import { swarm } from '../../rig/swarm.ts'
import { figure, size } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { ask, openStage, type Stage, upstreams } from '../support/stage.ts'
import { newWord, routesToml, UNBOUNDED } from './support/routes.ts'

/**
 * B15 non-idempotent work is not repeated once the upstream may have billed: a connection that breaks after the
 * request was sent, before an answer came or before its first content.
 */

const breaks = ['cut-head-rst@0', 'cut-head-fin@0', 'cut-head-rst@20', 'cut-rst@0'] as const
const EACH = size(6, 60)

let wary: Stage
let bold: Stage
beforeAll(async () => {
  const models = upstreams.map(({ dialect, provider, model }) => routesToml(dialect, [{ provider, model }]))
  const stageWith = (more: string): Promise<Stage> =>
    openStage({
      toml: `[retry]\nmax_retries = 2\nbackoff_ms = 1\nbudget = 10\n${more}\n${UNBOUNDED}${models.join('')}`,
    })
  wary = await stageWith('')
  bold = await stageWith('retry_after_sent = true')
})
afterAll(async () => {
  await wary.close()
  await bold.close()
})

const cells = fronts.flatMap((front) =>
  upstreams.flatMap((upstream) =>
    [true, false].flatMap((stream) => breaks.map((fault) => ({ front, upstream, stream, fault }))),
  ),
)
type Cell = (typeof cells)[number]

/** How often the upstream was asked to do the work of one call, and what came of it. */
async function executions(stage: Stage, { front, upstream, stream, fault }: Cell): Promise<string> {
  const word = newWord()
  const content = `[scene:text] [fault:${fault}] ${word}`
  const seen = await ask(stage.gateway.url, front, { model: upstream.dialect, content, stream })
  return `${stage.upstream.ledger.withText(word).length} executions, ${seen.status}, ${seen.headers.get('x-should-retry')}`
}

test('B15: nothing is executed a second time', async () => {
  const wrong: string[] = []
  await swarm(cells.length * EACH, 24, async (index) => {
    const cell = cells[index % cells.length] as Cell
    const found = await executions(wary, cell)
    if (found !== '1 executions, 502, false')
      wrong.push(`${cell.front.name} → ${cell.upstream.dialect}, ${cell.stream}, ${cell.fault}: ${found}`)
  })
  figure('B15', { n: cells.length * EACH, second_executions: wrong.length })
  expect(wrong).toEqual([])
})

test('B15: unless the operator wants it', async () => {
  const found = await swarm(cells.length, 12, (index) => executions(bold, cells[index] as Cell))
  figure('B15', { n: cells.length, retry_after_sent: 'true', executions: 3 * cells.length })
  expect(found).toEqual(cells.map(() => '3 executions, 502, false'))
})
