import { afterAll, beforeAll, expect, test } from 'bun:test'
import { swarm } from '../../rig/swarm.ts'
import { newWord, routesToml, UNBOUNDED } from '../attempts/support/routes.ts'
import { figure, size } from '../support/figure.ts'
import { chatFront, type Front, fronts } from '../support/fronts.ts'
import { ask, openStage, type Seen, type Stage } from '../support/stage.ts'

/** How calls are shared out over routes: by weight, by time, by price, and by conversation. */

const openai = { provider: 'openai', model: 'gpt-4.1' }
const anthropic = { provider: 'anthropic', model: 'claude-opus-4-6' }
const gemini = { provider: 'gemini', model: 'gemini-2.5-flash' }
const deepseek = { provider: 'deepseek', model: 'deepseek-chat' }
const weighed = [
  { ...openai, more: 'weight = 5' },
  { ...anthropic, more: 'weight = 3' },
  { ...gemini, more: 'weight = 2' },
]

const toml = [
  // What fails here fails on purpose, and over and over.
  UNBOUNDED,
  '[retry]\nmax_retries = 0\n',
  routesToml('weighed', weighed),
  routesToml('soonest', [openai, anthropic, gemini], 'balance = "latency"'),
  routesToml('cheapest', [openai, anthropic, gemini, deepseek], 'balance = "price"'),
  routesToml('by-session', weighed, 'sticky = "session"'),
  routesToml('by-prefix', [openai, anthropic, gemini, deepseek], 'sticky = "prefix"'),
  routesToml('by-either', [openai, anthropic, gemini, deepseek], 'sticky = true'),
  '[prices."openai/*"]\ninput = "2"\noutput = "8"\n',
  '[prices."anthropic/*"]\ninput = "0.2"\noutput = "0.2"\n',
  '[prices."gemini/*"]\ninput = "0.1"\noutput = "0.4"\n',
  '[prices."deepseek/*"]\ninput = "0.3"\noutput = "1"\n',
].join('')

let stage: Stage
/** Another gateway with the same file and nothing shared. */
let other: Stage
beforeAll(async () => {
  stage = await openStage({ toml })
  other = await openStage({ toml })
})
afterAll(async () => {
  await stage.close()
  await other.close()
})

const targetOf = ({ headers }: Seen): string => headers.get('x-xjp-target') ?? ''

/** Chi-square at one in a million for two degrees of freedom. */
const CRITICAL = 27.63

function chiSquare(counts: readonly number[], shares: readonly number[]): number {
  const n = counts.reduce((sum, count) => sum + count, 0)
  return counts.reduce((sum, count, index) => {
    const expected = n * (shares[index] ?? 0)
    return sum + (count - expected) ** 2 / expected
  }, 0)
}

test('weights 5, 3 and 2: the upstreams see as much', async () => {
  const n = size(2_000, 20_000)
  const before = stage.upstream.ledger.entries.length
  await swarm(n, 16, (index) => {
    const front = fronts[index % fronts.length] as Front
    return ask(stage.gateway.url, front, { model: 'weighed', content: newWord(), stream: index % 3 === 0 })
  })
  const seen = stage.upstream.ledger.entries.slice(before)
  const counts = ['openai', 'anthropic', 'gemini'].map(
    (vendor) => seen.filter((entry) => entry.vendor === vendor).length,
  )
  const chi = chiSquare(counts, [0.5, 0.3, 0.2])
  figure('weights 5:3:2', { n, seen: counts.join(':'), chi_square: chi.toFixed(2), critical: CRITICAL })
  expect(seen).toHaveLength(n)
  expect(chi).toBeLessThan(CRITICAL)
}, 180_000)

test('latency: calls go where the first content comes soonest, and move when that changes', async () => {
  const slow = (vendors: readonly string[], ms: number): string =>
    vendors.map((vendor) => `[${vendor}-fault:stall-start@${ms}]`).join('')
  const round = async (marks: string, n: number): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {}
    for (let count = 0; count < n; count++) {
      const seen = await ask(stage.gateway.url, chatFront, {
        model: 'soonest',
        content: `${newWord()} ${marks}`,
        stream: true,
      })
      counts[targetOf(seen)] = (counts[targetOf(seen)] ?? 0) + 1
    }
    return counts
  }
  await round(slow(['anthropic', 'gemini'], 80), 12)
  const first = await round(slow(['anthropic', 'gemini'], 80), 60)
  // The one that was fast is slow from now on.
  await round(slow(['openai', 'gemini'], 400), 12)
  const second = await round(slow(['openai', 'gemini'], 400), 60)
  const share = (counts: Record<string, number>, target: string): number => (counts[target] ?? 0) / 60
  figure('latency', {
    n: 120,
    fast_one: share(first, 'openai/gpt-4.1'),
    after_the_change: share(second, 'anthropic/claude-opus-4-6'),
  })
  expect(share(first, 'openai/gpt-4.1')).toBeGreaterThan(0.9)
  expect(share(second, 'anthropic/claude-opus-4-6')).toBeGreaterThan(0.9)
}, 120_000)

test('price: the cheapest for a usual mix, and the next when it fails', async () => {
  const price = (content: string): Promise<Seen> =>
    ask(stage.gateway.url, chatFront, { model: 'cheapest', content, stream: false })
  // 3 in and 1 out: gemini 0.7, anthropic 0.8, deepseek 1.9, openai 14.
  expect(targetOf(await price(newWord()))).toBe('gemini/gemini-2.5-flash')
  const failing = await price(`${newWord()} [gemini-scene:error@500]`)
  expect([targetOf(failing), failing.status]).toEqual(['anthropic/claude-opus-4-6', 200])
})

const sessions: readonly {
  name: string
  front: Front
  of(id: string): { headers?: Record<string, string>; more?: object }
}[] = [
  ...fronts.map((front) => ({
    name: `x-claude-code-session-id, ${front.name}`,
    front,
    of: (id: string) => ({ headers: { 'x-claude-code-session-id': id } }),
  })),
  ...fronts.map((front) => ({
    name: `session_id, ${front.name}`,
    front,
    of: (id: string) => ({ headers: { session_id: id } }),
  })),
  { name: 'prompt_cache_key', front: chatFront, of: (id) => ({ more: { prompt_cache_key: id } }) },
  { name: 'user', front: chatFront, of: (id) => ({ more: { user: id } }) },
  ...fronts.map((front) => ({
    name: `metadata.user_id, ${front.name}`,
    front,
    of: (id: string) => ({ more: { metadata: { user_id: id } } }),
  })),
]

test('sticky by session: one route a session, the same on every gateway, by weight over all', async () => {
  const n = size(40, 400)
  const counts: Record<string, number> = {}
  let strays = 0
  let calls = 0
  await swarm(n * sessions.length, 16, async (index) => {
    const { front, of } = sessions[index % sessions.length] as (typeof sessions)[number]
    const { headers, more } = of(`session-${index}`)
    const send = async ({ gateway }: Stage, stream: boolean): Promise<string> => {
      calls += 1
      const asked = { model: 'by-session', content: newWord(), stream, more: { ...more } }
      return targetOf(await ask(gateway.url, front, { ...asked, ...(headers && { headers }) }))
    }
    const target = await send(stage, true)
    counts[target] = (counts[target] ?? 0) + 1
    const again = [await send(stage, false), await send(other, true)]
    strays += again.filter((one) => one !== target).length
  })
  const seen = weighed.map(({ provider, model }) => counts[`${provider}/${model}`] ?? 0)
  const chi = chiSquare(seen, [0.5, 0.3, 0.2])
  figure('sticky by session', {
    n: n * sessions.length,
    calls,
    strays,
    seen: seen.join(':'),
    chi_square: chi.toFixed(2),
  })
  expect(strays).toBe(0)
  expect(seen.reduce((sum, count) => sum + count, 0)).toBe(n * sessions.length)
  expect(chi).toBeLessThan(CRITICAL)
}, 180_000)

test('a session by any name is the same session over both fronts', async () => {
  let strays = 0
  const n = 60
  await swarm(n, 8, async (index) => {
    const [chat, messages] = await Promise.all(
      fronts.map((front) =>
        ask(stage.gateway.url, front, {
          model: 'by-session',
          content: newWord(),
          stream: true,
          ...(front === chatFront
            ? { more: { user: `agent-${index}` } }
            : { more: { metadata: { user_id: `agent-${index}` } } }),
        }),
      ),
    )
    if (targetOf(chat as Seen) !== targetOf(messages as Seen)) strays += 1
  })
  figure('one session, two fronts', { n, strays })
  expect(strays).toBe(0)
})

/** A conversation that grows turn by turn, as agents send it. */
function turns(topic: string, count: number): object[][] {
  const all: object[] = [{ role: 'user', content: `Write of ${topic}.` }]
  return Array.from({ length: count }, () => {
    const sent = [...all]
    all.push(
      { role: 'assistant', content: 'Well, then.' },
      { role: 'user', content: `More of it, ${newWord()}.` },
    )
    return sent
  })
}

test('sticky by prefix: all turns of a conversation on one route, with and without gateways in between', async () => {
  const n = 50
  let strays = 0
  const routes = new Set<string>()
  await swarm(n, 8, async (index) => {
    const front = fronts[index % 2] as Front
    const seen = new Set<string>()
    for (const [turn, messages] of turns(`the sea ${index}`, 5).entries()) {
      const { gateway } = turn % 2 === 0 ? stage : other
      const system = `You are poet number ${index}.`
      const more =
        front === chatFront
          ? { messages: [{ role: 'system', content: system }, ...messages] }
          : { system, messages }
      seen.add(
        targetOf(await ask(gateway.url, front, { model: 'by-prefix', content: '', stream: true, more })),
      )
    }
    strays += seen.size - 1
    for (const target of seen) routes.add(target)
  })
  figure('sticky by prefix', { conversations: n, turns: 5, strays, routes: routes.size })
  expect(strays).toBe(0)
  expect(routes.size).toBe(4)
}, 60_000)

test('a conversation moves when its route fails, always to the same other one, and comes back', async () => {
  const n = 40
  let wrong = 0
  await swarm(n, 8, async (index) => {
    const send = async ({ gateway }: Stage, marks = ''): Promise<string> =>
      targetOf(
        await ask(gateway.url, chatFront, {
          model: 'by-either',
          content: `${newWord()} ${marks}`,
          stream: true,
          more: { user: `walker-${index}` },
        }),
      )
    const home = await send(stage)
    const marks = `[${home.split('/')[0]}-scene:error@501]`
    const away = [await send(stage, marks), await send(other, marks)]
    if (away[0] === home || away[0] !== away[1] || (await send(stage)) !== home) wrong += 1
  })
  figure('moved conversations', { n, wrong })
  expect(wrong).toBe(0)
}, 60_000)
