import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Fault } from '../../rig/fault/fault.ts'
import { random } from '../../rig/http/deliver.ts'
import type { Entry } from '../../rig/ledger.ts'
import { type SwarmRequest, sendRaw } from '../../rig/swarm.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, size } from '../support/figure.ts'
import { type Front, fronts } from '../support/fronts.ts'
import { modelToml, openStage, type Stage, upstreams } from '../support/stage.ts'
import { crowd, entriesByWord, type Row, readBooks, rowsByRequest, wordOf } from './support/books.ts'

/** C2 a client that leaves at any moment gives exactly one row, with the stated policy's amount. */

const SEED = 20_261_121
const RANDOM_BYTES = size(600, 2_000)
const PIECES = 24
const paced: Fault = { paceMs: 2 }
/** Slow enough that a client leaves before the answer is over, however busy the machine is. */
const STREAMED = `[scene:long@${PIECES}] ${customFault(paced)}`

const next = random(SEED)
let serial = 0

/** A client that left, and how. */
interface Leaver {
  word: string
  front: Front
  stream: boolean
  /** Whether it had left before the answer was over for it. */
  left: boolean
}

describe.each(['cancel', 'drain'] as const)('C2: on_disconnect = "%s"', (policy) => {
  let stage: Stage
  const leavers: Leaver[] = []
  beforeAll(async () => {
    const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
    stage = await openStage({ toml: `[usage]\non_disconnect = "${policy}"\n${models.join('')}` })
  })
  afterAll(() => stage.close())

  const cells = fronts.flatMap((front) =>
    upstreams.map(({ dialect }) => [front.name, dialect, front] as const),
  )

  function request(front: Front, dialect: string, word: string, mark: string, stream: boolean): SwarmRequest {
    const body = front.body(dialect, `${mark} ${word}`, stream)
    return { url: stage.gateway.url, path: front.path, body, headers: { 'x-request-id': word } }
  }

  async function leave(front: Front, dialect: string, atByte: number): Promise<void> {
    const word = wordOf((serial += 1))
    const how = next() < 0.7 ? 'rst' : 'fin'
    const seen = await sendRaw(request(front, dialect, word, STREAMED, true), { abort: { atByte, how } })
    leavers.push({ word, front, stream: true, left: seen.ended === 'aborted' })
  }

  test.each(cells)(
    'streams: %s client, %s upstream',
    async (_, dialect, front) => {
      const word = wordOf((serial += 1))
      const whole = await sendRaw(request(front, dialect, word, STREAMED, true))
      leavers.push({ word, front, stream: true, left: false })
      const boundaries = boundariesIn(whole.body)
      // The header block and the framing come on top; every boundary is met from both sides.
      const places = [
        ...boundaries.flatMap((at) => [at, at + 1]),
        ...Array.from(
          { length: Math.ceil(RANDOM_BYTES / cells.length) },
          () => 1 + Math.floor(next() * 4_000),
        ),
      ]
      await crowd(places.length, 24, (index) => leave(front, dialect, places[index] ?? 1))
    },
    120_000,
  )

  test.each(cells)(
    'whole answers: %s client, %s upstream',
    async (_, dialect, front) => {
      await crowd(size(20, 60), 10, async () => {
        const word = wordOf((serial += 1))
        const stall: Fault = { stalls: [{ at: 5 + Math.floor(next() * 80), ms: 150 }] }
        const mark = `[scene:long@${PIECES}] ${customFault(stall)}`
        const { url, path, body, headers } = request(front, dialect, word, mark, false)
        const signal = AbortSignal.timeout(60)
        const sent = {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json', ...headers },
        }
        const left = await fetch(url + path, { ...sent, signal }).then(
          (response) => response.text().then(() => false),
          () => true,
        )
        leavers.push({ word, front, stream: false, left })
      })
    },
    60_000,
  )

  test('every one has its row, with the right amount', async () => {
    await stage.upstream.ledger.until(
      (entries) => entries.every((entry) => entry.ended !== undefined),
      30_000,
    )
    const entries = entriesByWord(stage.upstream.ledger)
    const read = async (): Promise<string[]> => {
      const rows = rowsByRequest(await readBooks(stage.gateway.dataDirectory, {}))
      return leavers.flatMap((leaver) =>
        faultsOf(policy, leaver, rows.get(leaver.word) ?? [], entries.get(leaver.word) ?? []).map(
          (fault) => `${leaver.word} ${leaver.front.name} ${leaver.stream ? 'stream' : 'whole'}: ${fault}`,
        ),
      )
    }
    let wrong = await read()
    // The last calls may just be ending.
    const late = performance.now() + 30_000
    while (wrong.length > 0 && performance.now() < late) wrong = await read()
    expect(wrong.slice(0, 10)).toEqual([])
    figure('C2', {
      policy,
      n: leavers.length,
      seed: SEED,
      left: leavers.filter(({ left }) => left).length,
      wrong: wrong.length,
    })
  }, 60_000)
})

/** Where each event of a stream ends, in bytes. */
function boundariesIn(body: Uint8Array): number[] {
  const text = Buffer.from(body).toString('latin1')
  const found: number[] = []
  for (let at = text.indexOf('\n\n'); at !== -1; at = text.indexOf('\n\n', at + 2)) found.push(at + 2)
  return found
}

/** A client that left before its request was whole was never a call, and asked nothing of the upstream. */
function faultsOf(
  policy: 'cancel' | 'drain',
  leaver: Leaver,
  rows: readonly Row[],
  entries: readonly Entry[],
): string[] {
  const [row, ...twins] = rows
  const [entry] = entries
  if (row === undefined) return entry === undefined && leaver.left ? [] : ['no row']
  const wrong = twins.length > 0 ? [`${rows.length} rows`] : []
  if (entries.length !== row.attempts.length)
    wrong.push(`${row.attempts.length} attempts, ${entries.length} in the ledger`)
  if (entry === undefined) return wrong
  const ending = `${row.end_reason} ${row.status}`
  // The last bytes may have been on their way when it left: then the gateway has seen a whole answer out.
  if (ending !== 'client 499' && ending !== 'complete 200') wrong.push(`ended "${ending}"`)
  if (!leaver.left && ending !== 'complete 200') wrong.push(`stayed, but ended "${ending}"`)
  return [
    ...wrong,
    ...(policy === 'drain' || row.end_reason === 'complete' ? billed(row, entry) : counted(row, entry)),
  ]
}

/** Everything the upstream charges, as it reported it. */
function billed(row: Row, entry: Entry): string[] {
  const { bill } = entry
  if (entry.ended !== 'complete') return [`the upstream was not read to its end: ${entry.ended}`]
  if (row.usage_source !== 'reported') return [`source ${row.usage_source}`]
  const same = row.prompt_tokens === bill?.input && row.completion_tokens === bill.output
  return same
    ? []
    : [`${row.prompt_tokens}+${row.completion_tokens} in place of ${bill?.input}+${bill?.output}`]
}

/** What the streamed scene costs when nobody leaves. */
const WHOLE_OUTPUT = 64

/**
 * What was reported stands as it is: one of the upstreams says the whole with every event, others in the last event but
 * one. Else never more than was sent: the rig counts four characters a token, our estimate one and a half ideographs.
 */
function counted(row: Row, entry: Entry): string[] {
  const produced = entry.bill?.output ?? 0
  const wrong: string[] = []
  if (row.prompt_tokens === 0) wrong.push('no prompt')
  if (row.usage_source === 'reported') {
    if (row.completion_tokens !== WHOLE_OUTPUT) wrong.push(`${row.completion_tokens} said to be reported`)
  } else if (row.usage_source !== 'estimated') wrong.push(`source ${row.usage_source}`)
  else if (row.completion_tokens > produced * 1.7 + 2)
    wrong.push(`${row.completion_tokens} of ${produced} produced`)
  return wrong
}
