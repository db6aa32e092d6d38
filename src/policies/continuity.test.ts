import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Block } from '../protocol/model/block.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { expand } from '../protocol/model/expand.ts'
import type { Opaque } from '../protocol/model/origin.ts'
import type { Message } from '../protocol/model/request.ts'
import { MemoryVault, type Vault } from '../store/vault.ts'
import { continuity } from './continuity.ts'
import { callWith, requestWith } from './testing.ts'

const signature = (value: string): Opaque => ({
  dialect: 'messages',
  kind: 'signature',
  value,
  maker: 'vendor/model',
})
const text = (words: string, more: object = {}): Block => ({ type: 'text', text: words, ...more })
const thinking = (words: string, ...values: string[]): Block => ({
  type: 'thinking',
  text: words,
  ...(values.length > 0 ? { opaque: values.map(signature) } : {}),
})
const call = (id: string, more: object = {}): Block => ({
  type: 'tool-call',
  id,
  name: 'get_weather',
  kind: 'function',
  arguments: '{"location":"北京"}',
  ...more,
})
const user = (words: string): Message => ({ role: 'user', content: [text(words)] })
const assistant = (...content: Block[]): Message => ({ role: 'assistant', content })

/** Runs one turn: the request's messages as encoders will see them, then the answer, event by event. */
async function turn(
  vault: Vault,
  messages: Message[],
  answer: readonly AnswerEvent[],
  tenant = 'open',
): Promise<Message[] | undefined> {
  const seen = callWith({ tenant, request: requestWith(messages) })
  await continuity(vault)(async (running) => {
    for (const event of answer) for (const tap of running.taps) tap([event])
    return { status: 200, headers: {}, body: '' }
  })(seen)
  return seen.restored?.messages
}

function answered(...blocks: Block[]): AnswerEvent[] {
  return expand({ candidates: [{ blocks, finish: { reason: 'stop' } }] })
}

/** What becomes of a turn that was answered with `blocks` and comes back as `returned`. */
async function comesBack(
  blocks: Block[],
  returned: Block[],
  change: (ask: string) => string = (ask) => ask,
): Promise<Block[] | undefined> {
  const vault = new MemoryVault(() => 0)
  await turn(vault, [user('ask')], answered(...blocks))
  const history = [user(change('ask')), assistant(...returned), user('more')]
  return (await turn(vault, history, []))?.[1]?.content
}

const id = 'call_Zk3vQ8bTnW1xR6yUeM4hLp9s'

describe('what comes back', () => {
  const cases: [string, Block[], Block[], Block[] | undefined][] = [
    [
      'thinking that the client dropped before a text',
      [thinking('hmm', 's1'), text('hello')],
      [text('hello')],
      [thinking('hmm', 's1'), text('hello')],
    ],
    [
      'thinking before a call',
      [thinking('hmm', 's1'), call(id)],
      [call(id)],
      [thinking('hmm', 's1'), call(id)],
    ],
    [
      'thinking in several places stands where it stood',
      [thinking('one', 's1'), text('a'), thinking('two', 's2'), call(id)],
      [text('a'), call(id)],
      [thinking('one', 's1'), text('a'), thinking('two', 's2'), call(id)],
    ],
    [
      'text before the first thinking',
      [text('a'), thinking('two', 's2'), text('b')],
      [text('a'), text('b')],
      [text('a'), thinking('two', 's2'), text('b')],
    ],
    [
      'a client that merged two texts: thinking in front',
      [text('a'), thinking('two', 's2'), text('b')],
      [text('ab')],
      [thinking('two', 's2'), text('ab')],
    ],
    [
      'a signature on a call',
      [call(id, { signature: signature('s3') }), call('b')],
      [call(id), call('b')],
      [call(id, { signature: signature('s3') }), call('b')],
    ],
    [
      'a signature on a text',
      [text('hello', { signature: signature('s4') })],
      [text('hello')],
      [text('hello', { signature: signature('s4') })],
    ],
    [
      'a signature on an empty text behind it goes to the text that is there',
      [text('hello'), text('', { signature: signature('s4') })],
      [text('hello')],
      [text('hello', { signature: signature('s4') })],
    ],
    [
      'encrypted thinking without words',
      [{ type: 'thinking', text: '', redacted: true, opaque: [signature('blob')] }, text('hello')],
      [text('hello')],
      [{ type: 'thinking', text: '', redacted: true, opaque: [signature('blob')] }, text('hello')],
    ],
    [
      'words without a signature (reasoning_content)',
      [thinking('hmm'), call(id)],
      [call(id)],
      [thinking('hmm'), call(id)],
    ],
    [
      'words whose signature the client dropped',
      [thinking('hmm', 's1'), text('hello')],
      [thinking('hmm'), text('hello')],
      [thinking('hmm', 's1'), text('hello')],
    ],
    [
      'arguments written anew, and the marks of the client stay',
      [thinking('hmm', 's1'), call('functions.get_weather:0')],
      [call('functions.get_weather:0', { arguments: '{ "location" : "北京" }', cache: { ttl: '5m' } })],
      [
        thinking('hmm', 's1'),
        call('functions.get_weather:0', { arguments: '{ "location" : "北京" }', cache: { ttl: '5m' } }),
      ],
    ],
    [
      'nothing when the client kept the signature',
      [thinking('hmm', 's1'), text('hello')],
      [thinking('hmm', 's1'), text('hello')],
      undefined,
    ],
    [
      'nothing when the client kept words that have no signature',
      [thinking('hmm'), text('hello')],
      [thinking('hm'), text('hello')],
      undefined,
    ],
    [
      'nothing when the client kept another state',
      [thinking('hmm', 's1'), text('hello')],
      [thinking('x', 'other'), text('hello')],
      undefined,
    ],
    ['nothing for an answer without state', [text('hello')], [text('hello')], undefined],
    [
      'nothing for a turn that was never answered',
      [thinking('hmm', 's1'), text('hello')],
      [text('something else')],
      undefined,
    ],
    ['nothing for an empty turn', [thinking('hmm', 's1')], [], undefined],
    [
      'nothing for the same counted id with other arguments: another conversation',
      [thinking('hmm', 's1'), call('functions.get_weather:0')],
      [call('functions.get_weather:0', { arguments: '{"location":"上海"}' })],
      undefined,
    ],
  ]
  for (const [name, blocks, returned, expected] of cases)
    test(name, async () => {
      expect(await comesBack(blocks, returned)).toEqual(expected)
    })

  test('a short text belongs to what it answered', async () => {
    const blocks = [thinking('hmm', 's1'), text('Yes.')]
    expect(await comesBack(blocks, [text('Yes.')], () => 'another question')).toBeUndefined()
    expect(await comesBack(blocks, [text(' Yes.\n')])).toEqual([thinking('hmm', 's1'), text(' Yes.\n')])
  })

  test('a long text is known by itself, also when the client changed what came before', async () => {
    const long = 'word '.repeat(100)
    expect(
      await comesBack([thinking('hmm', 's1'), text(long)], [text(long)], () => 'ask, with a reminder'),
    ).toEqual([thinking('hmm', 's1'), text(long)])
  })

  test('another tenant gets nothing', async () => {
    const vault = new MemoryVault(() => 0)
    await turn(vault, [user('ask')], answered(thinking('hmm', 's1'), call(id)), 'one')
    expect(await turn(vault, [user('ask'), assistant(call(id))], [], 'other')).toBeUndefined()
    expect(await turn(vault, [user('ask'), assistant(call(id))], [], 'one')).toBeDefined()
  })

  test('an answer that broke off is not remembered', async () => {
    const vault = new MemoryVault(() => 0)
    const broken: AnswerEvent[] = answered(thinking('hmm', 's1'), call(id)).map((event) =>
      event.type === 'answer-end'
        ? { type: 'answer-error', error: new GatewayError('upstream_failed', 'x') }
        : event,
    )
    await turn(vault, [user('ask')], broken)
    expect(vault.bytes).toBe(0)
  })

  test('the request itself is left as it is', async () => {
    const vault = new MemoryVault(() => 0)
    await turn(vault, [user('ask')], answered(thinking('hmm', 's1'), call(id)))
    const history = [user('ask'), assistant(call(id)), user('more')]
    const copy = structuredClone(history)
    const restored = await turn(vault, history, [])
    expect(history).toEqual(copy)
    expect(restored?.[0]).toBe(history[0] as Message)
    expect(restored?.[2]).toBe(history[2] as Message)
  })

  test('every candidate of an answer is remembered', async () => {
    const vault = new MemoryVault(() => 0)
    const finish = { reason: 'stop' } as const
    const candidates = ['one', 'two'].map((words) => ({
      blocks: [thinking(`about ${words}`, words), text(words)],
      finish,
    }))
    await turn(vault, [user('ask')], expand({ candidates }))
    for (const words of ['one', 'two'])
      expect((await turn(vault, [user('ask'), assistant(text(words))], []))?.[1]?.content).toEqual([
        thinking(`about ${words}`, words),
        text(words),
      ])
  })
})

describe('what is restored has the opaque values that were answered', () => {
  const words = fc.string({ minLength: 1, maxLength: 8 }).filter((one) => one.trim() === one)
  const opaque = fc.string({ maxLength: 6 }).map(signature)
  const block: fc.Arbitrary<Block> = fc.oneof(
    fc.record({
      type: fc.constant('thinking' as const),
      text: words,
      opaque: fc.array(opaque, { minLength: 1, maxLength: 2 }),
    }),
    fc.record({ type: fc.constant('text' as const), text: words }),
    fc
      .tuple(fc.nat(1_000), fc.option(opaque))
      .map(([number, signed]) => call(`c${number}`, signed ? { signature: signed } : {})),
  )
  const blocks = fc.uniqueArray(block, {
    minLength: 1,
    maxLength: 6,
    selector: (one) => (one.type === 'tool-call' ? one.id : Symbol()),
  })

  function opaqueOf(content: readonly Block[]): Opaque[] {
    return content.flatMap((one) => {
      if (one.type === 'thinking') return one.opaque ?? []
      return one.type === 'tool-call' && one.signature ? [one.signature] : []
    })
  }

  test('in order, for every client that drops all of it', async () => {
    let n = 0
    await fc.assert(
      fc.asyncProperty(blocks, async (list) => {
        const visible = list
          .filter((one) => one.type !== 'thinking')
          .map((one) => (one.type === 'tool-call' ? call(one.id) : one))
        const back = await comesBack(list, visible)
        if (opaqueOf(list).length === 0 || visible.length === 0) {
          expect(back).toBeUndefined()
          return
        }
        n += 1
        expect(opaqueOf(back ?? [])).toEqual(opaqueOf(list))
        expect(back).toEqual(list)
      }),
      { numRuns: 2_000, seed: 20261120 },
    )
    console.info(`continuity: n=${n} turns restored, all as answered`)
    expect(n).toBeGreaterThan(800)
  })
})
