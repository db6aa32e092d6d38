import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { PLAIN_TEXT } from '../rig/scene/scenes.ts'
import { customFault } from './support/custom-fault.ts'
import { figure } from './support/figure.ts'
import { type Front, fronts, textOfStream } from './support/fronts.ts'
import { ask, modelToml, openStage, type Seen, type Stage, upstreams } from './support/stage.ts'
import { type Wanted, wrongAnswers } from './support/wrong-answers.ts'

/**
 * A8 wrong answers of an upstream are typed errors in the caller's dialect, never our own 500, and count as its
 * failure; A9 an error event before any content is treated like the status it names.
 */

let stage: Stage
beforeAll(async () => {
  const more = 'retry = { max_retries = 0 }'
  const models = upstreams.flatMap(({ dialect, provider, model }, index) => {
    const next = upstreams[(index + 1) % upstreams.length] ?? upstreams[0]
    return [
      modelToml(dialect, { provider, model, more }),
      modelToml(`${dialect}-with-fallback`, { provider, model, more }, { ...next, more }),
      // An upstream that limits one call's model limits all of them: each call has its own.
      ...errorEvents(dialect).map((name, at) =>
        modelToml(
          name,
          { provider, model: `${model}-${at}`, more },
          { provider: next.provider, model: `${next.model}-of-${index}-${at}`, more },
        ),
      ),
    ]
  })
  stage = await openStage({ toml: `[circuit]\nenabled = false\n${models.join('')}` })
})
afterAll(async () => {
  const { stdout, stderr } = stage.gateway.output()
  await stage.close()
  // Nothing was thrown past the gateway: only the token of the first start stands there.
  expect(stderr.replace(/^Administrator token.*\nKeep it safe.*\n/, '')).toBe('')
  expect(stdout).not.toContain('"internal"')
  expect(stdout).not.toContain('internal error')
})

const totals = { n: 0, ours: 0, typed: 0, failures: 0 }

/** A client of the upstream's dialect gets its error as it is, with the status it has there. */
function isUpstreamsOwn(seen: Seen): boolean {
  return seen.text.includes('no luck') && [500, 503, 529].includes(seen.status)
}

/** `failed` or `fine`; anything else describes what is wrong with the answer. */
function outcome(front: Front, seen: Seen): string {
  if (seen.broken) return 'the connection broke'
  if (seen.status !== 200) {
    const fault = front.errorFault(seen.json)
    if (fault !== undefined) return `${seen.status} with ${fault}: ${seen.text.slice(0, 200)}`
    return seen.status === 502 || isUpstreamsOwn(seen)
      ? 'failed'
      : `status ${seen.status}: ${seen.text.slice(0, 200)}`
  }
  if (seen.events.length === 0)
    return front.answerText(seen.json) === PLAIN_TEXT ? 'fine' : `200: ${seen.text.slice(0, 200)}`
  const last = seen.events.at(-1)
  if (last && front.isError(last)) return 'failed'
  return textOfStream(front, seen.events) === PLAIN_TEXT ? 'fine' : `ends with ${JSON.stringify(last)}`
}

function accepted(wanted: Wanted): string[] {
  return wanted === 'either' ? ['failed', 'fine'] : [wanted]
}

describe.each(wrongAnswers)('A8: $name', ({ name, fault, whole, streamed }) => {
  for (const front of fronts)
    for (const { dialect, provider } of upstreams)
      test(`${front.name} client, ${dialect} upstream`, async () => {
        for (const stream of [false, true]) {
          const content = `[scene:text] ${customFault(fault)}`
          const seen = await ask(stage.gateway.url, front, { model: dialect, content, stream })
          const found = outcome(front, seen)
          totals.n += 1
          if (seen.status === 500 && !isUpstreamsOwn(seen)) totals.ours += 1
          if (found === 'failed') totals.failures += 1
          if (found === 'failed' || found === 'fine') totals.typed += 1
          const wanted = accepted(stream ? streamed : whole)
          // Replaced characters are the one thing that a reader of spoiled UTF-8 may show.
          const shown = name === 'invalid-utf8' && seen.text.includes('\ufffd') ? 'fine' : found
          expect({ stream, wanted, found: wanted.includes(shown) ? wanted : shown }).toEqual({
            stream,
            wanted,
            found: wanted,
          })
          if (found === 'failed' && seen.status !== 200)
            await fallsBack(front, dialect, provider, stream, fault)
        }
      })
})

async function fallsBack(
  front: Front,
  dialect: string,
  provider: string,
  stream: boolean,
  fault: (typeof wrongAnswers)[number]['fault'],
): Promise<void> {
  stage.upstream.script.clear()
  stage.upstream.script.add({ vendor: provider, fault })
  const asked = { model: `${dialect}-with-fallback`, content: '[scene:text] please', stream }
  const seen = await ask(stage.gateway.url, front, asked)
  expect({ stream, fallback: outcome(front, seen) }).toEqual({ stream, fallback: 'fine' })
  expect(seen.headers.get('x-xjp-attempts')).toBe('2')
}

afterAll(() => {
  figure('A8', { n: totals.n, our_500s: totals.ours, typed: totals.typed, failures: totals.failures })
})

const ERROR_EVENTS = [429, 500, 503, 529]

/** Names of models whose first route begins with an error event: one for every call of A9. */
function errorEvents(dialect: string): string[] {
  return ERROR_EVENTS.flatMap((status) =>
    fronts.flatMap(({ name }) => [true, false].map((stream) => errorEvent(name, dialect, status, stream))),
  )
}

function errorEvent(front: string, dialect: string, status: number, stream: boolean): string {
  return `${front}-${dialect}-${status}-${stream}`
}

describe('A9: an error event as the first event of a 200', () => {
  let n = 0
  let fallbacks = 0
  afterAll(() => figure('A9', { n, fallbacks }))

  for (const front of fronts)
    for (const { dialect, provider } of upstreams)
      test.each(ERROR_EVENTS)(
        `${front.name} client, ${dialect} upstream: %d leads to the fallback`,
        async (status) => {
          for (const stream of [true, false]) {
            stage.upstream.script.clear()
            stage.upstream.script.add({ vendor: provider, scene: `error-first@${status}` })
            const model = errorEvent(front.name, dialect, status, stream)
            const asked = { model, content: '[scene:text] please', stream }
            const seen = await ask(stage.gateway.url, front, asked)
            n += 1
            expect(outcome(front, seen)).toBe('fine')
            expect(seen.headers.get('x-xjp-provider')).not.toBe(provider)
            expect(seen.headers.get('x-xjp-attempts')).toBe('2')
            fallbacks += 1
          }
        },
      )

  for (const front of fronts)
    for (const { dialect } of upstreams)
      test(`${front.name} client, ${dialect} upstream: without a fallback the status is the error’s own`, async () => {
        // Only this dialect has a word of its own for 529.
        const status = dialect === 'messages' ? 529 : 503
        const asked = { model: dialect, content: `[scene:error-first@${status}] please`, stream: true }
        const seen = await ask(stage.gateway.url, front, asked)
        expect([503, 529]).toContain(seen.status)
        expect(front.errorFault(seen.json)).toBeUndefined()
        expect(front.errorMessage(seen.json)).toContain('Overloaded, says the rig.')
      })
})
