import { afterAll, beforeAll, expect, test } from 'bun:test'
import { swarm } from '../../rig/swarm.ts'
import { failingMark, newWord, routesToml, UNBOUNDED } from '../attempts/support/routes.ts'
import { callAs, codeOf, type Office, openOffice } from '../keys/support/office.ts'
import { figure } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'

/** B9 a fallback can never widen rights: whatever a key is not for is never called, however the others do. */

/**
 * What a route leads to, as the test's own oracle knows it. Prices are for a million tokens of the dearer kind; nobody
 * knows one for the last.
 */
const places = [
  { provider: 'openai', model: 'gpt-4.1', region: 'us', price: 8 },
  { provider: 'anthropic', model: 'claude-opus-4-6', region: 'eu-west', price: 25 },
  { provider: 'gemini', model: 'gemini-2.5-flash', region: 'eu-north', price: 2 },
  { provider: 'deepseek', model: 'in-house', region: undefined, price: undefined },
] as const
type Place = (typeof places)[number]
const labelOf = ({ provider, model }: Place): string => `${provider}/${model}`

const listed = places.map(({ provider, model, region }) => ({
  provider,
  model,
  more: `${region === undefined ? '' : `region = "${region}"\n`}retry = { max_retries = 0 }\ntimeouts = { first_byte_ms = 150 }`,
}))
const reversed = [...listed].reverse()

const models: Readonly<Record<string, string>> = {
  ordered: routesToml('ordered', listed),
  reversed: routesToml('reversed', reversed),
  weighed: routesToml('weighed', listed, 'balance = "weight"'),
  soonest: routesToml('soonest', listed, 'balance = "latency"'),
  cheapest: routesToml('cheapest', listed, 'balance = "price"'),
  sticky: routesToml('sticky', reversed, 'sticky = true'),
  hedged: routesToml('hedged', listed, 'hedge = { after_ms = 1, budget = 1.0 }'),
}

const prices = places
  .filter(({ price }) => price !== undefined)
  .map((place) => `[prices."${labelOf(place)}"]\ninput = "1"\noutput = "${place.price}"\n`)

interface Holder {
  scopes: string[]
  may(place: Place): boolean
}

const holders: readonly Holder[] = [
  { scopes: [], may: () => true },
  { scopes: ['target:openai/*'], may: ({ provider }) => provider === 'openai' },
  {
    scopes: ['target:openai/*', 'target:gemini/gemini-2.5-*'],
    may: ({ provider }) => provider === 'openai' || provider === 'gemini',
  },
  { scopes: ['region:eu-*'], may: ({ region }) => region?.startsWith('eu-') === true },
  { scopes: ['region:us'], may: ({ region }) => region === 'us' },
  { scopes: ['price:8'], may: ({ price }) => price !== undefined && price <= 8 },
  { scopes: ['region:eu-*', 'price:8'], may: ({ provider }) => provider === 'gemini' },
  {
    scopes: [...Object.keys(models), 'also', 'target:anthropic/*'],
    may: ({ provider }) => provider === 'anthropic',
  },
  { scopes: ['target:nobody/*'], may: () => false },
  { scopes: ['other'], may: () => false },
]

/** What befalls the vendors, by marks in the user's text. */
const troubles: readonly { name: string; marks: string; allFail: boolean }[] = [
  { name: 'none', marks: '', allFail: false },
  {
    name: 'all answer 500',
    marks: places.map(({ provider }) => failingMark(provider, { status: 500 })).join(''),
    allFail: true,
  },
  {
    name: 'all refuse our key',
    marks: places.map(({ provider }) => failingMark(provider, { status: 401 })).join(''),
    allFail: true,
  },
  {
    name: 'all hang up',
    marks: places.map(({ provider }) => `[${provider}-fault:cut-head-rst@0]`).join(''),
    allFail: true,
  },
  {
    name: 'all are silent',
    marks: places.map(({ provider }) => `[${provider}-fault:stall-head]`).join(''),
    allFail: true,
  },
]

let office: Office
let secrets: string[]
beforeAll(async () => {
  const toml = [UNBOUNDED, ...Object.values(models), ...prices].join('')
  office = await openOffice({ toml: `${toml}[models.ordered_alias]\naliases = ["also"]\n${aliased()}` })
  secrets = []
  for (const { scopes } of holders)
    secrets.push((await office.issue({ scopes, unlimitedRequests: true })).key)
})
afterAll(() => office.close())

/** The routes again, under a model that has an alias. */
function aliased(): string {
  return listed
    .map(
      ({ provider, model, more }) =>
        `[[models.ordered_alias.routes]]\nprovider = "${provider}"\nprovider_model_id = "${model}"\n${more}\n`,
    )
    .join('')
}

interface Cell {
  holder: number
  model: string
  trouble: number
  front: number
  stream: boolean
}

const cells: Cell[] = holders.flatMap((_, holder) =>
  [...Object.keys(models), 'also'].flatMap((model) =>
    troubles.flatMap((_trouble, trouble) =>
      fronts.flatMap((_front, front) =>
        [true, false].map((stream) => ({ holder, model, trouble, front, stream })),
      ),
    ),
  ),
)

test('promise B9: a target outside the rights of a key is never called, and the answer names it', async () => {
  const url = office.gateways[0]?.url ?? ''
  let outside = 0
  let calls = 0
  let unnamed = 0
  const wrong: string[] = []
  await swarm(cells.length, 16, async (index) => {
    const cell = cells[index] as Cell
    const { scopes, may } = holders[cell.holder] as Holder
    const trouble = troubles[cell.trouble] as (typeof troubles)[number]
    const front = fronts[cell.front] as (typeof fronts)[number]
    const word = newWord()
    const { status, text, headers } = await callAs(url, secrets[cell.holder], front.path, {
      method: 'POST',
      body: JSON.stringify(front.body(cell.model, `${word} ${trouble.marks}`, cell.stream)),
    })
    const reached = office.upstream.ledger.entries.filter(({ body }) => body.includes(word))
    calls += reached.length
    const permitted = new Set<string>(places.filter(may).map(({ provider }) => provider))
    outside += reached.filter(({ vendor }) => !permitted.has(vendor)).length
    const row = `${scopes} → ${cell.model}, ${trouble.name}, ${front.name}${cell.stream ? ' streamed' : ''}: ${status} ${text.slice(0, 300)}`
    // An alias is the model it stands for, and these scopes name the alias.
    const isForModel = !scopes.includes('other') && !(cell.model === 'also' && scopes.includes('also'))
    if (!isForModel || permitted.size === 0) {
      const code = isForModel ? 'target_not_allowed' : 'model_not_allowed'
      if (status !== 403 || (front.name === 'chat-completions' && codeOf(text) !== code)) wrong.push(row)
      if (isForModel && places.some((place) => !text.includes(labelOf(place)))) unnamed += 1
      return
    }
    const refused = places.filter((place) => !may(place)).map(labelOf)
    const named = headers.get('x-xjp-not-permitted')?.split(', ').sort() ?? []
    if (named.join() !== refused.sort().join()) unnamed += 1
    if (trouble.allFail === (status === 200)) wrong.push(row)
  })
  figure('B9', { n: cells.length, upstream_calls: calls, outside, unnamed })
  expect(wrong).toEqual([])
  expect([outside, unnamed]).toEqual([0, 0])
  expect(calls).toBeGreaterThan(cells.length / 2)
}, 300_000)

test('promise B9: in an error of our own wording the body names what was not tried', async () => {
  const url = office.gateways[0]?.url ?? ''
  for (const front of fronts) {
    const { text, status } = await callAs(url, secrets[1], front.path, {
      method: 'POST',
      body: JSON.stringify(front.body('ordered', `${newWord()} [openai-fault:cut-head-rst@0]`, false)),
    })
    expect(status).toBe(502)
    expect(front.errorMessage(JSON.parse(text))).toContain(
      'not tried, this API key may not use it: anthropic/claude-opus-4-6, gemini/gemini-2.5-flash, deepseek/in-house',
    )
  }
})

test('promise B9: a budget that holds for the cheap route alone keeps the call from the dear one', async () => {
  const dear = await openOffice({
    toml:
      routesToml('pair', [
        { provider: 'gemini', model: 'gemini-2.5-flash', more: 'retry = { max_retries = 0 }' },
        { provider: 'anthropic', model: 'claude-opus-4-6' },
      ]) +
      '[prices."gemini/*"]\ninput = "0.1"\noutput = "0.1"\n[prices."anthropic/*"]\ninput = "1000"\noutput = "1000"\n',
  })
  try {
    const body = (word: string, more: object = {}) => ({
      method: 'POST',
      body: JSON.stringify({
        model: 'pair',
        max_tokens: 1_000,
        messages: [{ role: 'user', content: `${word} ${failingMark('gemini', { status: 500 })}` }],
        ...more,
      }),
    })
    const url = dear.gateways[0]?.url ?? ''
    const { key } = await dear.issue({ limits: { budgetPerDay: 500_000_000_000n } })
    for (const _ of Array(20)) {
      const { status } = await callAs(url, key, '/v1/chat/completions', body(newWord()))
      expect(status).toBe(429)
    }
    expect(dear.upstream.ledger.entries).toEqual([])
    // The same key confined to the cheap one: it has the money for that.
    const confined = await dear.issue({
      scopes: ['target:gemini/*'],
      limits: { budgetPerDay: 500_000_000_000n },
    })
    await callAs(url, confined.key, '/v1/chat/completions', body(newWord()))
    expect(dear.upstream.ledger.entries.map(({ vendor }) => vendor)).toEqual(['gemini'])
  } finally {
    await dear.close()
  }
}, 60_000)

test('what a key is not for is neither listed nor counted upstream', async () => {
  const url = office.gateways[0]?.url ?? ''
  const names = async (holder: number): Promise<string[]> => {
    const { text } = await callAs(url, secrets[holder])
    return (JSON.parse(text) as { data: { id: string }[] }).data.map(({ id }) => id)
  }
  expect(await names(0)).toContain('ordered')
  expect(await names(1)).toContain('ordered')
  expect(await names(1)).not.toContain('messages')
  expect(await names(8)).toEqual([])
  const before = office.upstream.ledger.entries.length
  const count = (holder: number, model: string) =>
    callAs(url, secrets[holder], '/v1/messages/count_tokens', {
      method: 'POST',
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
    })
  expect((await count(8, 'ordered')).status).toBe(403)
  expect((await count(1, 'messages')).status).toBe(403)
  expect(office.upstream.ledger.entries.length).toBe(before)
  expect((await count(3, 'ordered')).status).toBe(200)
  expect(office.upstream.ledger.entries.slice(before).map(({ vendor }) => vendor)).toEqual(['anthropic'])
}, 30_000)
