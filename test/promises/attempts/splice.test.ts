import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { STOP_TEXT } from '../../rig/scene/scenes.ts'
import { swarm } from '../../rig/swarm.ts'
import { type Cut, cutMark } from '../support/cut-cases.ts'
import { figure, isLong } from '../support/figure.ts'
import { type Front, fronts, textOfStream } from '../support/fronts.ts'
import { ask, openStage, type Stage, upstreams } from '../support/stage.ts'
import { newWord, routesToml, UNBOUNDED } from './support/routes.ts'

/**
 * B8 after the first content another model is never spliced in: the cuts of A1, with a healthy second route whose text
 * is another one. And who wants no second route gets none.
 */

const STRIDE = isLong ? 1 : 29
const SECOND = { provider: 'openrouter', model: 'anthropic/claude-sonnet-4.5' }
const FIRST_WORDS = '第0 piece. '

let stage: Stage
beforeAll(async () => {
  const more = 'retry = { max_retries = 0 }'
  const models = upstreams.map(({ dialect, provider, model }) =>
    routesToml(dialect, [{ provider, model, more }, SECOND]),
  )
  stage = await openStage({ toml: UNBOUNDED + models.join('') })
})
afterAll(() => stage.close())

const ways = [
  { how: 'fin', framing: 'chunked' },
  { how: 'rst', framing: 'length' },
] as const

interface Asking {
  front: Front
  upstream: (typeof upstreams)[number]
  cut: Cut
  headers?: Record<string, string>
  more?: Record<string, unknown>
}

/** The text of one call whose first upstream is cut, and who was asked. */
async function answered({ front, upstream, cut, headers = {}, more = {} }: Asking) {
  const word = newWord()
  const fault = cutMark(cut).replace('[', `[${upstream.provider}-`)
  const content = `[scene:long@40] [${SECOND.provider}-scene:stop] ${fault} ${word}`
  const seen = await ask(stage.gateway.url, front, {
    model: upstream.dialect,
    content,
    stream: true,
    headers,
    more,
  })
  delete cut.body
  const { ledger } = stage.upstream
  const asked = ledger.withText(word)
  // They are many, and nobody asks for them again.
  for (const entry of asked) ledger.entries.splice(ledger.entries.indexOf(entry), 1)
  return { seen, text: textOfStream(front, seen.events), asked }
}

const totals = { n: 0, fellBack: 0, kept: 0, mixed: 0 }
afterAll(() => figure('B8', { ...totals }))

for (const front of fronts)
  for (const upstream of upstreams)
    test(`B8: ${front.name} client, ${upstream.dialect} upstream: every cut gives one model’s text`, async () => {
      const probe: Cut = { at: Number.MAX_SAFE_INTEGER, how: 'fin', framing: 'chunked' }
      const fault = cutMark(probe).replace('[', `[${upstream.provider}-`)
      const content = `[scene:long@40] ${fault}`
      const uncut = await ask(stage.gateway.url, front, { model: upstream.dialect, content, stream: true })
      const whole = textOfStream(front, uncut.events)
      expect(whole).toStartWith(FIRST_WORDS)
      const length = probe.body?.length ?? 0
      const cuts = ways.flatMap((way) =>
        Array.from(
          { length: Math.ceil(length / STRIDE) },
          (_, index): Cut => ({ ...way, at: index * STRIDE }),
        ),
      )
      const wrong: string[] = []
      await swarm(cuts.length, 12, async (index) => {
        const cut = cuts[index] as Cut
        const { text, seen, asked } = await answered({ front, upstream, cut })
        totals.n += 1
        const isSecond = text === STOP_TEXT && seen.headers.get('x-xjp-provider') === SECOND.provider
        const isFirst = text !== '' && whole.startsWith(text) && asked.length === 1
        if (isSecond) totals.fellBack += 1
        else if (isFirst) totals.kept += 1
        else {
          totals.mixed += 1
          wrong.push(`${cut.how} at ${cut.at} of ${length}, ${asked.length} asked: ${JSON.stringify(text)}`)
        }
      })
      expect(wrong.slice(0, 5)).toEqual([])
      expect(wrong).toHaveLength(0)
    }, 900_000)

describe('B8: disable_fallbacks', () => {
  const wishes = [
    { name: 'as a header', headers: { 'x-xjp-disable-fallbacks': 'true' } },
    { name: 'as a member of the body', more: { disable_fallbacks: true } },
  ]
  let n = 0
  afterAll(() => figure('B8', { disable_fallbacks: n, others_asked: 0 }))
  for (const wish of wishes)
    for (const front of fronts)
      for (const upstream of upstreams)
        test(`${wish.name}: ${front.name} client, ${upstream.dialect} upstream`, async () => {
          for (const way of ways)
            for (const at of [0, 10, 60, 400, 900, 2_000]) {
              const { asked, seen } = await answered({ front, upstream, cut: { ...way, at }, ...wish })
              n += 1
              expect(asked.map(({ vendor }) => vendor)).toEqual([upstream.provider])
              expect(asked[0]?.body).not.toContain('disable_fallbacks')
              expect(seen.headers.get('x-xjp-dropped') ?? '').not.toContain('disable_fallbacks')
            }
        })

  test('false changes nothing, and anything else is refused by its name', async () => {
    for (const front of fronts) {
      const asked = { model: 'messages', content: '[anthropic-fault:html] hello', stream: false }
      const usual = await ask(stage.gateway.url, front, { ...asked, more: { disable_fallbacks: false } })
      expect(usual.headers.get('x-xjp-provider')).toBe(SECOND.provider)
      const refused = await ask(stage.gateway.url, front, { ...asked, more: { disable_fallbacks: 'yes' } })
      expect(refused.status).toBe(400)
      expect(front.errorMessage(refused.json)).toContain('disable_fallbacks')
    }
  })
})
