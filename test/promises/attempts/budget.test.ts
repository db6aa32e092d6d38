import { afterAll, beforeAll, expect, test } from 'bun:test'
import { random } from '../../rig/http/deliver.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, size } from '../support/figure.ts'
import { type Front, fronts } from '../support/fronts.ts'
import { ask, openStage, type Stage } from '../support/stage.ts'
import { failingMark, newWord, routesToml, UNBOUNDED, wordIn } from './support/routes.ts'

/** B3 when an upstream fails, we add at most 10 % traffic: 100 requests a second, after the reserve is spent. */

const RATE = 100
const SECONDS = size(9, 60)
/** The reserve of a hundred is spent by then. */
const AFTER_SECONDS = size(5, 10)
const MOST = 1.1

let stage: Stage
beforeAll(async () => {
  const retry = '[retry]\nbackoff_ms = 300\nretry_after_sent = true\n'
  const models = ['failing', 'resetting', 'half'].map((name) =>
    routesToml(name, [{ provider: 'openai', model: `gpt-4.1-${name}` }]),
  )
  stage = await openStage({ toml: retry + UNBOUNDED + models.join('') })
})
afterAll(() => stage.close())

/** One request: when it was sent, in milliseconds since the start, and how often the upstream was asked for it. */
interface Asked {
  at: number
  attempts: number
}

interface Traffic {
  asked: Asked[]
  /** When the upstream was asked. */
  times: number[]
}

async function traffic(model: string, marks: () => string): Promise<Traffic> {
  const begun = performance.now()
  const byWord = new Map<string, Asked>()
  const open: Promise<unknown>[] = []
  for (let index = 0; index < SECONDS * RATE; index += 1) {
    const wait = begun + (index * 1_000) / RATE - performance.now()
    if (wait > 0) await Bun.sleep(wait)
    const word = newWord()
    byWord.set(word, { at: performance.now() - begun, attempts: 0 })
    const front = fronts[index % 2] as Front
    const content = `${marks()} ${word}`
    open.push(ask(stage.gateway.url, front, { model, content, stream: index % 4 < 2 }))
  }
  await Promise.all(open)
  const times: number[] = []
  for (const { body, at } of stage.upstream.ledger.entries) {
    const asked = byWord.get(wordIn(body))
    if (!asked) continue
    asked.attempts += 1
    times.push(at - begun)
  }
  return { asked: [...byWord.values()], times }
}

const failing = failingMark('openai', { status: 500 })
const reset = customFault({ cut: { at: 0, of: 'wire', how: 'rst' } })
const chance = random(20_261_121)

const courses = [
  ['failing', 'all 500', () => failing],
  ['resetting', 'all resets', () => reset],
  ['half', '50 % failing', () => (chance() < 0.5 ? failing : '[scene:text]')],
] as const

test('B3: all three at once, each on a route of its own', async () => {
  const found = await Promise.all(courses.map(([model, , marks]) => traffic(model, marks)))
  for (const [index, [, name]] of courses.entries()) judge(name, found[index])
})

function judge(name: string, found: Traffic | undefined): void {
  const { asked, times } = found ?? { asked: [], times: [] }
  const late = asked.filter(({ at }) => at >= AFTER_SECONDS * 1_000)
  const ratio = attemptsOf(late) / late.length
  const peak = Math.max(
    ...Array.from(
      { length: SECONDS },
      (_, second) => times.filter((time) => Math.floor(time / 1_000) === second).length,
    ),
  )
  figure('B3', {
    what: `"${name}"`,
    a_second: RATE,
    seconds: SECONDS,
    n: asked.length,
    attempts: attemptsOf(asked),
    ratio_after: `${AFTER_SECONDS}_s`,
    ratio: ratio.toFixed(3),
    limit: MOST,
    peak_second: peak,
  })
  expect(attemptsOf(asked) - asked.length).toBeGreaterThan(100)
  expect(Number(ratio.toFixed(2))).toBeLessThanOrEqual(MOST)
  // Never more than the reserve and a tenth of all requests, with what a second in which nothing came earns.
  expect(attemptsOf(asked)).toBeLessThanOrEqual(asked.length * MOST + 101 + SECONDS)
}

function attemptsOf(asked: readonly Asked[]): number {
  return asked.reduce((sum, { attempts }) => sum + attempts, 0)
}
