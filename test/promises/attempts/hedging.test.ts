import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { fields, list, parseJson, text } from '../../rig/json.ts'
import { PLAIN_TEXT } from '../../rig/scene/scenes.ts'
import { swarm } from '../../rig/swarm.ts'
import { type Row, readBooks, sqlite } from '../accounting/support/books.ts'
import { type House, openHouse } from '../accounting/support/house.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, percentile, size } from '../support/figure.ts'
import { chatFront, type Front, fronts, textOfStream } from '../support/fronts.ts'
import { ask, type Seen } from '../support/stage.ts'
import { newWord, routesToml, UNBOUNDED } from './support/routes.ts'

/**
 * Hedging: a second attempt beside a slow one. The first content wins; of the other nothing is seen, and it is closed
 * within 100 ms; every account is right.
 */

const AFTER_MS = 120
const CLOSED_MS = 100
/** Nothing but hedging leads to the second route. */
const more = 'retry = { max_retries = 0 }\ntimeouts = { first_byte_ms = 5000, idle_ms = 5000 }'
const FIRST = { provider: 'openai', model: 'gpt-4.1', more }
const SECOND = { provider: 'anthropic', model: 'claude-opus-4-6', more }

let house: House
beforeAll(async () => {
  const prices = [
    '[prices."openai/*"]\ninput = "1"\noutput = "2"\n',
    '[prices."anthropic/*"]\ninput = "10"\noutput = "20"\n',
  ]
  const hedge = `hedge = { after_ms = ${AFTER_MS}, budget = 1 }`
  house = await openHouse(
    await sqlite.environment(),
    [
      UNBOUNDED,
      ...prices,
      '[idempotency]\nreplay_streams = true\n',
      routesToml('slow', [FIRST, SECOND], hedge),
      routesToml(
        'thinker',
        [{ provider: 'openrouter', model: 'anthropic/claude-sonnet-4.5' }, SECOND],
        hedge,
      ),
    ].join(''),
  )
})
afterAll(() => house.close())

interface Course {
  name: string
  /** What the two upstreams do. */
  marks: string
  winner: typeof FIRST
  attempts: 1 | 2
}

const lateReset = customFault({
  stalls: [{ at: 0, of: 'wire', ms: 200 }],
  cut: { at: 0, of: 'wire', how: 'rst' },
}).replace('[', '[openai-')

const courses: readonly Course[] = [
  { name: 'silent before its headers', marks: '[openai-fault:stall-head]', winner: SECOND, attempts: 2 },
  { name: 'silent before its body', marks: '[openai-fault:stall-start]', winner: SECOND, attempts: 2 },
  { name: 'silent in its first event', marks: '[openai-fault:stall-at@30]', winner: SECOND, attempts: 2 },
  {
    name: 'late, and still first',
    marks: '[openai-fault:stall-head@300] [anthropic-fault:stall-head]',
    winner: FIRST,
    attempts: 2,
  },
  {
    name: 'late, and the second fails',
    marks: '[openai-fault:stall-head@300] [anthropic-scene:error@500]',
    winner: FIRST,
    attempts: 2,
  },
  {
    name: 'failing when the second is asked already',
    marks: `${lateReset} [anthropic-fault:stall-head@300]`,
    winner: SECOND,
    attempts: 2,
  },
  { name: 'quick', marks: '', winner: FIRST, attempts: 1 },
]

function send(front: Front, stream: boolean, content: string, headers: Record<string, string> = {}) {
  return ask(house.gateway.url, front, {
    model: 'slow',
    content,
    stream,
    headers: { authorization: `Bearer ${house.key}`, ...headers },
  })
}

function shown(front: Front, seen: Seen): string {
  return seen.events.length > 0 ? textOfStream(front, seen.events) : front.answerText(seen.json)
}

/** Milliseconds from the answer to the moment at which the other upstream saw its connection close. */
const closings: number[] = []

async function noteClosing(word: string, winner: string, answeredAt: number): Promise<void> {
  const loser = (): ReturnType<typeof house.upstream.ledger.withText>[number] | undefined =>
    house.upstream.ledger.withText(word).find(({ vendor }) => vendor !== winner)
  await house.upstream.ledger.until(() => loser() === undefined || loser()?.ended !== undefined, 5_000)
  const entry = loser()
  if (entry?.ended === 'client') closings.push(entry.at + (entry.clientLeftAfterMs ?? 0) - answeredAt)
}

const EACH = size(5, 50)
/** Fewer than the second attempts that are in reserve. */
const TOGETHER = 8
const cells = courses.flatMap((course) =>
  fronts.flatMap((front) => [true, false].map((stream) => ({ course, front, stream }))),
)

describe('hedging', () => {
  const wanted = new Map<string, Course>()
  let wrong: string[] = []

  test('the first content wins, and is all that the client gets', async () => {
    await swarm(cells.length * EACH, TOGETHER, async (index) => {
      const { course, front, stream } = cells[index % cells.length] as (typeof cells)[number]
      const word = newWord()
      wanted.set(word, course)
      const seen = await send(front, stream, `[scene:text] ${course.marks} ${word}`, { 'x-request-id': word })
      const answeredAt = performance.now()
      const found = [
        shown(front, seen),
        seen.headers.get('x-xjp-target'),
        seen.headers.get('x-xjp-provider'),
        seen.headers.get('x-xjp-attempts'),
      ].join(' | ')
      const { provider, model } = course.winner
      const right = [PLAIN_TEXT, `${provider}/${model}`, provider, course.attempts].join(' | ')
      if (found !== right) wrong.push(`${front.name}, ${stream}, ${course.name}: ${found}`)
      const bill = house.upstream.ledger.withText(word).find(({ vendor }) => vendor === provider)?.bill
      const dollars = (Number(bill?.input) + 2 * Number(bill?.output)) * (provider === 'openai' ? 1 : 10)
      const cost = seen.headers.get('x-xjp-cost')
      if (cost !== (stream ? null : String(dollars / 1_000_000)))
        wrong.push(`${front.name}, ${course.name}: costs ${cost}, not ${dollars} millionths`)
      await noteClosing(word, provider, answeredAt)
    })
    figure('hedging', {
      n: cells.length * EACH,
      wrong: wrong.length,
      closed: closings.length,
      closed_p50_ms: percentile(closings, 0.5).toFixed(1),
      closed_p99_ms: percentile(closings, 0.99).toFixed(1),
      limit_ms: CLOSED_MS,
    })
    expect(wrong).toEqual([])
    expect(closings.length).toBe(4 * 4 * EACH)
    expect(percentile(closings, 0.99)).toBeLessThanOrEqual(CLOSED_MS)
  })

  test('every account is right: the answer has its amounts, the other attempt has none', async () => {
    wrong = []
    await Bun.sleep(500)
    const { rows } = await readBooks(house.dataDirectory, house.stored)
    const byRequest = new Map(rows.map((row) => [row.request_id, row]))
    for (const [word, course] of wanted) {
      const row = byRequest.get(word)
      const entries = house.upstream.ledger.withText(word)
      const bill = entries.find(({ vendor }) => vendor === course.winner.provider)?.bill
      const found = row && accountOf(row)
      const right = `complete ${course.winner.provider} ${bill?.input}+${bill?.output}, ${course.attempts} attempts: ${othersOf(course)}`
      if (found !== right) wrong.push(`${course.name}: ${found} in place of ${right}`)
      if (entries.length !== course.attempts) wrong.push(`${course.name}: ${entries.length} asked`)
    }
    figure('hedging', { rows: wanted.size, wrong: wrong.length })
    expect(wrong).toEqual([])
  })
})

/** What the rows of attempts other than the answering one say. */
function othersOf({ name, attempts }: Course): string {
  if (attempts === 1) return ''
  if (name.startsWith('late, and the second fails')) return 'anthropic 500 upstream_failed 0'
  if (name.startsWith('failing')) return 'openai 502 upstream_failed 0'
  return `${name.startsWith('late') ? 'anthropic' : 'openai'} 499 lost 0`
}

function accountOf(row: Row): string {
  const others = row.attempts.filter(
    ({ prompt_tokens, provider }) => prompt_tokens === 0 || provider !== row.provider,
  )
  const said = others.map((one) =>
    [
      one.provider,
      one.status,
      (one as { error_type?: string }).error_type,
      one.prompt_tokens + one.completion_tokens,
    ].join(' '),
  )
  return `${row.end_reason} ${row.provider} ${row.prompt_tokens}+${row.completion_tokens}, ${row.attempts.length} attempts: ${said.join()}`
}

describe('what reads along hears the winner alone', () => {
  test('a repeated request gets its answer again, and nobody is asked', async () => {
    let n = 0
    for (const front of fronts)
      for (const stream of [true, false]) {
        const word = newWord()
        const headers = { 'idempotency-key': word }
        const content = `[scene:unicode] [openai-fault:stall-start] ${word}`
        const first = await send(front, stream, content, headers)
        const asked = house.upstream.ledger.withText(word).length
        const again = await send(front, stream, content, headers)
        expect(again.headers.get('idempotency-replayed')).toBe('true')
        expect(again.headers.get('x-xjp-target')).toBe(`${SECOND.provider}/${SECOND.model}`)
        expect(again.text).toBe(first.text)
        expect(house.upstream.ledger.withText(word)).toHaveLength(asked)
        n += 1
      }
    figure('hedging', { replays: n })
  })

  test('reasoning state of the winner is remembered, and goes back to it', async () => {
    const tools = [
      { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } },
    ]
    for (const stream of [true, false]) {
      const word = newWord()
      const mark = `[scene:thinking-tool] [openrouter-fault:stall-head] ${word}`
      const begin = [{ role: 'user', content: mark }]
      const first = await chat({ messages: begin, tools, stream })
      const calls = stream ? callsOfStream(first) : list(fields(messageOf(first))['tool_calls'])
      const result = { role: 'tool', tool_call_id: text(fields(calls[0])['id']), content: 'found' }
      const turn = { role: 'assistant', content: null, tool_calls: calls }
      const second = await chat({ messages: [...begin, turn, result], tools, stream: false })
      expect(text(fields(messageOf(second))['content'])).toContain('state: own')
    }
  })
})

function chat(more: Record<string, unknown>): Promise<Seen> {
  return ask(house.gateway.url, chatFront, {
    model: 'thinker',
    content: '',
    stream: false,
    headers: { authorization: `Bearer ${house.key}` },
    more: { reasoning_effort: 'high', ...more } as never,
  })
}

function messageOf({ json }: Seen): unknown {
  return fields(fields(list(fields(json)['choices'])[0])['message'])
}

/** The one call of a stream, put together. */
function callsOfStream({ events }: Seen): unknown[] {
  const deltas = events.flatMap(({ data }) => {
    const delta = fields(fields(list(fields(parseJson(data))['choices'])[0])['delta'])
    return list(delta['tool_calls']).map(fields)
  })
  const said = deltas.map((delta) => fields(delta['function']))
  const call = {
    name: said.map((one) => text(one['name'])).join(''),
    arguments: said.map((one) => text(one['arguments'])).join(''),
  }
  return [{ id: text(deltas[0]?.['id']), type: 'function', function: call }]
}
