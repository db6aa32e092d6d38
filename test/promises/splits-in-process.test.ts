import { afterAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { random } from '../rig/http/deliver.ts'
import { at, list, parseJson, text } from '../rig/json.ts'
import { figure, size } from './support/figure.ts'
import { eventsOf, type Front, fronts, textOfStream } from './support/fronts.ts'
import {
  bytesOfStream,
  type HardAnswer,
  hardOutputs,
  hardStreams,
  printable,
  printedBy,
} from './support/hard-streams.ts'
import { httpWay, processWay, type Way } from './support/in-process.ts'
import { upstreams } from './support/stage.ts'

/**
 * A4 at its full number of cases: the parts of the gateway between an upstream's bytes and the client's, put together
 * as they are in it, without a network. Every single split, single bytes, and random splits of each stream.
 */

const SEED = 20_261_120
const RANDOM_SPLITS = 24

const totals = { streams: 0, cases: 0, corrupted: 0, replaced: 0 }
const printed = { streams: 0, cases: 0, corrupted: 0, replaced: 0 }

function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length))
}

function* splits(bytes: Uint8Array): Iterable<Uint8Array[]> {
  for (let place = 1; place < bytes.length; place += 1) yield cutAt(bytes, [place])
  yield Array.from(bytes, (byte) => Uint8Array.of(byte))
  const next = random(bytes.length)
  for (let round = 1; round <= RANDOM_SPLITS; round += 1) {
    const places: number[] = []
    for (let place = 1; place < bytes.length; place += 1 + Math.floor(next() * round * 6)) places.push(place)
    yield cutAt(bytes, places)
  }
}

/** Plays all splits of one stream; `essence` is what must be the same. */
async function sameForAll(
  way: Way,
  bytes: Uint8Array,
  counts: typeof totals,
  essence: (output: string) => string,
): Promise<string> {
  const whole = await way([bytes])
  const wanted = essence(whole)
  counts.streams += 1
  for (const pieces of splits(bytes)) {
    const output = await way(pieces)
    counts.cases += 1
    if (output.includes('\ufffd')) counts.replaced += 1
    if (essence(output) === wanted) continue
    counts.corrupted += 1
    expect({ pieces: pieces.map((piece) => Buffer.from(piece).toString('latin1')), output }).toEqual({
      pieces: [],
      output: whole,
    })
  }
  expect(whole).not.toContain('\ufffd')
  return whole
}

/** What a client reads in all `arguments` of an answer's calls. */
function argumentsIn(front: Front, output: string): string {
  return eventsOf(output)
    .map(({ data }) => parseJson(data))
    .map((event) =>
      front.name === 'messages'
        ? text(at(event, 'delta', 'partial_json'))
        : list(at(event, 'choices', 0, 'delta', 'tool_calls'))
            .map((call) => text(at(call, 'function', 'arguments')))
            .join(''),
    )
    .join('')
}

function checkTruth(front: Front, answer: HardAnswer, output: string): void {
  // A parser that was given a CR waits for what may follow.
  const events = eventsOf(`${output}\n`)
  expect(textOfStream(front, events)).toBe(answer.text)
  expect(events.some((event) => front.isEnd(event))).toBe(true)
  if (answer.argument !== undefined)
    expect(parseJson(argumentsIn(front, `${output}\n`))).toEqual({ q: answer.argument })
}

const cells = fronts.flatMap((front) =>
  upstreams.flatMap((upstream) =>
    (upstream.dialect === front.name ? [true, false] : [true]).map(
      (renamed) => [front.name, upstream.dialect, renamed ? 'renamed' : 'as it is', front, upstream] as const,
    ),
  ),
)

describe('A4: an upstream’s stream', () => {
  afterAll(() => figure('A4 in process', { seed: SEED, ...totals }))

  test.each(cells)(
    '%s client, %s upstream, %s: the same bytes for every split',
    async (_, __, naming, front, upstream) => {
      const way = httpWay(front, upstream, naming === 'renamed')
      await fc.assert(
        fc.asyncProperty(hardStreams, async ({ answer, writing }) => {
          const bytes = bytesOfStream(upstream, answer, writing)
          checkTruth(front, answer, await sameForAll(way, bytes, totals, (output) => output))
        }),
        { numRuns: size(8, 100), seed: SEED, endOnFailure: true },
      )
    },
    900_000,
  )

  test('a reader that decodes each read by itself would be found out', async () => {
    const careless: Way = (pieces) => {
      const decoder = new TextDecoder()
      return Promise.resolve(pieces.map((piece) => decoder.decode(piece)).join(''))
    }
    const found = { streams: 0, cases: 0, corrupted: 0, replaced: 0 }
    const bytes = Buffer.from('data: 北京\n\n')
    await expect(sameForAll(careless, bytes, found, (output) => output)).rejects.toThrow()
    expect([found.corrupted, found.replaced]).toEqual([1, 1])
  })

  test('the number of cases is the promised one', () => {
    expect(totals.cases).toBeGreaterThanOrEqual(200_000)
    expect([totals.corrupted, totals.replaced]).toEqual([0, 0])
  })
})

/** Reads are deltas here, so the events differ; what they say together must not. */
function said(front: Front, output: string): string {
  const events = eventsOf(output)
  const thinking = events
    .map(({ data }) => parseJson(data))
    .map((event) =>
      front.name === 'messages'
        ? text(at(event, 'delta', 'thinking'))
        : text(at(event, 'choices', 0, 'delta', 'reasoning_content')),
    )
    .join('')
  const claims = events.filter((event) => front.isEnd(event) || front.claimsFinish(event))
  return JSON.stringify([textOfStream(front, events), thinking, claims])
}

const outputs = fronts.flatMap((front) =>
  (['text', 'jsonl'] as const).map((kind) => [front.name, kind, front] as const),
)

describe('A4: a child’s standard output', () => {
  afterAll(() => figure('A4 of a child', { seed: SEED, ...printed }))

  test.each(outputs)(
    '%s client, output = "%s": the same answer for every split',
    async (_, kind, front) => {
      const way = processWay(front, kind)
      await fc.assert(
        fc.asyncProperty(hardOutputs, async ({ answer, carriageReturns }) => {
          const bytes = printedBy(kind, answer, carriageReturns)
          const output = await sameForAll(way, bytes, printed, (one) => said(front, one))
          const wanted = kind === 'text' ? printable(answer.text) : answer.text
          expect(textOfStream(front, eventsOf(output))).toBe(wanted)
          if (kind === 'jsonl' && answer.thinking !== undefined)
            expect(said(front, output)).toContain(JSON.stringify(answer.thinking))
        }),
        { numRuns: size(40, 300), seed: SEED, endOnFailure: true },
      )
    },
    900_000,
  )
})
