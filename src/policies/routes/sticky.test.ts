import { describe, expect, test } from 'bun:test'
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { Target } from '../../pipeline/target.ts'
import type { Block } from '../../protocol/model/block.ts'
import type { ChatRequest } from '../../protocol/model/request.ts'
import { targetNamed } from '../testing.ts'
import { byConversation, conversationOf } from './sticky.ts'

const text = (words: string): Block => ({ type: 'text', text: words })

function asking(request: Partial<ChatRequest>, headers: Record<string, string> = {}) {
  return {
    headers: new Headers(headers),
    request: { model: 'm', stream: true, messages: [], ...request } satisfies ChatRequest,
  }
}

const system = { role: 'system' as const, content: [text('You are a poet.')] }
const first = { role: 'user' as const, content: [text('Write of the sea.')] }
const later = [
  { role: 'assistant' as const, content: [text('The sea is wide.')] },
  { role: 'user' as const, content: [text('And deep?')] },
]

describe('what a conversation is known by', () => {
  const everything: Partial<ChatRequest> = {
    extensions: { 'chat-completions': { session_id: 'in-body' } },
    cacheKey: 'cache-key',
    metadata: { user_id: 'metadata-user' },
    endUser: 'user',
  }
  const headers = { 'x-claude-code-session-id': 'claude', session_id: 'header' }

  test('the most exact name of its session', () => {
    const names: (string | undefined)[] = []
    const request: Partial<ChatRequest> = { ...everything }
    const note = (given: Record<string, string>): void => {
      names.push(conversationOf(asking(request, given), 'session')?.split(' ').at(-1))
    }
    note(headers)
    note({ session_id: 'header' })
    for (const member of ['extensions', 'cacheKey', 'metadata', 'endUser'] as const) {
      note({})
      delete request[member]
    }
    note({})
    expect(names).toEqual(['claude', 'header', 'in-body', 'cache-key', 'metadata-user', 'user', undefined])
  })

  test('values that are no names count as absent', () => {
    const request = {
      extensions: { 'chat-completions': { session_id: 5 } },
      metadata: { user_id: { id: 1 } },
      cacheKey: '',
      endUser: '',
    }
    expect(conversationOf(asking(request, { session_id: '' }), 'session')).toBeUndefined()
  })

  test('the beginning of its prompt, which later turns share', () => {
    const known = (messages: ChatRequest['messages'], more: Partial<ChatRequest> = {}) =>
      conversationOf(asking({ messages, ...more }), 'prefix')
    const begun = known([system, first])
    expect(known([system, first, ...later])).toBe(begun as string)
    expect(known([system, first], { cacheKey: 'k' })).toBe(begun as string)
    expect(known([first])).not.toBe(begun as string)
    expect(known([system, { role: 'user', content: [text('Write of the land.')] }])).not.toBe(begun as string)
    const tools: ChatRequest['tools'] = [{ type: 'function', name: 'read' }]
    expect(known([system, first], { tools })).not.toBe(begun as string)
  })

  test('either: the session where there is one, else the beginning', () => {
    const messages = [system, first]
    expect(conversationOf(asking({ messages, cacheKey: 'k' }), 'either')).toBe('session 1 k')
    expect(conversationOf(asking({ messages }), 'either')).toBe(
      conversationOf(asking({ messages }), 'prefix') as string,
    )
    expect(conversationOf(asking({ messages }), 'session')).toBeUndefined()
  })

  test('a book is told from another by its ends, at bounded length', () => {
    const long = 'x'.repeat(5_000_000)
    const known = (words: string) =>
      conversationOf(asking({ messages: [{ role: 'user', content: [text(words)] }] }), 'prefix') as string
    expect(known(long).length).toBeLessThan(20_000)
    expect(new Set([long, `${long}y`, `y${long}`, `${long}${long}`].map(known)).size).toBe(4)
    const media = (data: string): Block => ({
      type: 'media',
      kind: 'image',
      source: { type: 'base64', mediaType: 'image/png', data },
    })
    const shown = (data: string) =>
      conversationOf(asking({ messages: [{ role: 'user', content: [media(data)] }] }), 'prefix') as string
    expect(shown(long).length).toBeLessThan(1_000)
    expect(shown('a')).not.toBe(shown('b'))
    const named = conversationOf(asking({ cacheKey: long }), 'session') as string
    expect(named.length).toBeLessThan(2_000)
    expect(named).not.toBe(conversationOf(asking({ cacheKey: `${long}y` }), 'session') as string)
  })
})

function targets(weights: readonly number[]): Target[] {
  return weights.map((weight, index) => ({ ...targetNamed(`p${index}/model`), weight }))
}

const labels = (list: readonly Target[]): string[] => list.map(({ label }) => label)
const weightLists = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 8 })

describe('rendezvous', () => {
  test('every replica comes to the same order, whatever the order of its list', () => {
    fc.assert(
      fc.property(weightLists, fc.string(), (weights, conversation) => {
        const all = targets(weights)
        const order = labels(byConversation(conversation, all))
        expect(labels(byConversation(conversation, targets(weights).reverse()))).toEqual(order)
        expect([...order].sort()).toEqual(labels(all).sort())
      }),
      { numRuns: 500 },
    )
  })

  test('when a route goes away the others keep their order: only its own conversations move', () => {
    fc.assert(
      fc.property(weightLists, fc.nat(), fc.string(), (weights, gone, conversation) => {
        const all = targets(weights)
        const lost = all[gone % all.length] as Target
        const order = labels(byConversation(conversation, all))
        const left = labels(
          byConversation(
            conversation,
            all.filter((target) => target !== lost),
          ),
        )
        expect(left).toEqual(order.filter((label) => label !== lost.label))
      }),
      { numRuns: 500 },
    )
  })

  test('a route that gets more weight takes conversations and gives none away', () => {
    fc.assert(
      fc.property(
        weightLists,
        fc.string(),
        fc.integer({ min: 1, max: 100 }),
        (weights, conversation, more) => {
          const [before] = byConversation(conversation, targets(weights))
          const [grown = 1, ...others] = weights
          const [after] = byConversation(conversation, targets([grown + more, ...others]))
          if (after?.label !== before?.label) expect(after?.label).toBe('p0/model')
        },
      ),
      { numRuns: 500 },
    )
  })

  /** Chi-square at one in a million for 1 to 5 degrees of freedom. */
  const critical = [23.93, 27.63, 30.66, 33.38, 35.89]
  const fair: number[][] = [
    [1, 1],
    [3, 1],
    [1, 2, 3, 4],
    [100, 1],
    [5, 5, 5, 5, 5, 5],
  ]
  test.each(fair.map((weights) => [weights]))(
    'is fair to the weights %p, and so is the second choice',
    (weights) => {
      const n = 60_000
      const all = targets(weights)
      const sum = weights.reduce((total, weight) => total + weight, 0)
      const firsts = new Map(labels(all).map((label) => [label, 0]))
      const seconds = new Map(firsts)
      for (let count = 0; count < n; count++) {
        const [one, two] = labels(byConversation(`session ${count} of ${weights}`, all)) as [string, string]
        firsts.set(one, (firsts.get(one) ?? 0) + 1)
        seconds.set(two, (seconds.get(two) ?? 0) + 1)
      }
      const chi = (counts: ReadonlyMap<string, number>, share: (index: number) => number): number =>
        [...counts.values()].reduce((total, seen, index) => {
          const expected = n * share(index)
          return total + (seen - expected) ** 2 / expected
        }, 0)
      const share = (index: number): number => (weights[index] ?? 0) / sum
      const second = (index: number): number =>
        weights.reduce(
          (total, weight, at) =>
            at === index ? total : total + ((weight / sum) * (weights[index] ?? 0)) / (sum - weight),
          0,
        )
      const limit = critical[weights.length - 2] as number
      const found = [chi(firsts, share), chi(seconds, second)]
      console.info(
        `sticky ${weights}: n=${n}, chi-square=${found.map((value) => value.toFixed(2))} of ${limit}`,
      )
      for (const value of found) expect(value).toBeLessThan(limit)
    },
  )

  test('costs microseconds', () => {
    const all = targets([1, 2, 3, 4])
    const conversation = `session ${randomUUID()}`
    for (let count = 0; count < 20_000; count++) byConversation(`${conversation}${count}`, all)
    const begun = performance.now()
    const n = 50_000
    for (let count = 0; count < n; count++) byConversation(`${conversation}${count}`, all)
    const each = ((performance.now() - begun) / n) * 1_000
    console.info(`sticky: ${each.toFixed(2)} µs a call over 4 routes, n=${n}`)
    expect(each).toBeLessThan(100)
  })
})
