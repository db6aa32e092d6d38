import { describe, expect, test } from 'bun:test'
import type { ModelEntry, Snapshot } from '../config/snapshot.ts'
import { type Call, isStream, type Reply } from '../pipeline/call.ts'
import { chatCompletions } from '../protocol/dialects/chat-completions/dialect.ts'
import { messages } from '../protocol/dialects/messages/dialect.ts'
import type { Block } from '../protocol/model/block.ts'
import { expand } from '../protocol/model/expand.ts'
import { MemoryVault, type Vault } from '../store/vault.ts'
import { continuity } from './continuity.ts'
import { callWith, requestWith } from './testing.ts'

/** When the vault's second place is asked: only for what is missing, and only where it could be used. */

const id = 'call_Zk3vQ8bTnW1xR6yUeM4hLp9s'
const kept: Block[] = [
  {
    type: 'thinking',
    text: 'hmm',
    opaque: [{ dialect: 'messages', kind: 'signature', value: 's', maker: 'm' }],
  },
  { type: 'tool-call', id, name: 'look', kind: 'function', arguments: '' },
]
const turn: Block[] = [{ type: 'tool-call', id, name: 'look', kind: 'function', arguments: '{}' }]

/** A vault whose second place has the turn, and what it was asked for. */
class Remote implements Vault {
  readonly memory = new MemoryVault(() => 0)
  readonly asked: string[][] = []

  get(tenant: string, key: string): readonly Block[] | undefined {
    return this.memory.get(tenant, key)
  }

  put(tenant: string, key: string, blocks: readonly Block[]): Promise<void> | void {
    this.memory.put(tenant, key, blocks)
  }

  load(tenant: string, keys: readonly string[]): Promise<void> {
    this.asked.push([...keys])
    for (const key of keys) this.memory.put(tenant, key, kept)
    return Promise.resolve()
  }
}

function callBy(client: typeof chatCompletions, provider: 'anthropic' | 'openai', history: Block[][]): Call {
  const entry = {
    name: 'm',
    routes: [{ provider, model: provider === 'openai' ? 'gpt-4.1' : 'claude-opus-4-6' }],
    defaults: {},
  }
  if (!client.client) throw new Error('no client side')
  return callWith({
    client: { ...client, client: client.client },
    identity: { tenant: 'open' },
    request: requestWith(
      history.flatMap((content) => [
        { role: 'user' as const, content: [{ type: 'text' as const, text: 'ask' }] },
        { role: 'assistant' as const, content },
      ]),
    ),
    snapshot: {
      resolve: (name: string) => (name === 'm' ? (entry as unknown as ModelEntry) : undefined),
      nearest: () => [],
      providers: { [provider]: { name: provider, type: provider } },
    } as unknown as Snapshot,
  })
}

const done: Reply = { status: 200, headers: {}, body: '' }

/** What the policies behind see, and whether they were reached at once. */
async function through(vault: Vault, call: Call): Promise<{ restored: boolean; atOnce: boolean }> {
  let reached = false
  const reply = continuity(vault)(async () => {
    reached = true
    return done
  })(call)
  const atOnce = reached
  await reply
  return { restored: call.restored !== undefined, atOnce }
}

describe('the second place', () => {
  test('is asked for a turn that this process does not know, and its state is restored', async () => {
    const vault = new Remote()
    expect(await through(vault, callBy(chatCompletions, 'anthropic', [turn]))).toEqual({
      restored: true,
      atOnce: false,
    })
    expect(vault.asked).toEqual([[`call:look:${id}:`]])
    // Now it is known.
    expect(await through(vault, callBy(chatCompletions, 'anthropic', [turn]))).toEqual({
      restored: true,
      atOnce: true,
    })
    expect(vault.asked).toHaveLength(1)
  })

  const not: [string, Call][] = [
    ['without an assistant turn', callBy(chatCompletions, 'anthropic', [])],
    ['where the turn brings its state along', callBy(chatCompletions, 'anthropic', [kept])],
    ['within one dialect, where the client’s history stands', callBy(messages, 'anthropic', [turn])],
    ['for an upstream that wants none back', callBy(chatCompletions, 'openai', [turn])],
  ]
  test.each(not)('is not asked %s', async (_, call) => {
    const vault = new Remote()
    expect(await through(vault, call)).toEqual({ restored: false, atOnce: true })
    expect(vault.asked).toEqual([])
  })

  test('is not asked for a model that is not served', async () => {
    const vault = new Remote()
    const call = callBy(chatCompletions, 'anthropic', [turn])
    call.request = { ...call.request, model: 'nobody' }
    expect((await through(vault, call)).atOnce).toBe(true)
    expect(vault.asked).toEqual([])
  })
})

describe('a vault that others read', () => {
  class Shared extends Remote {
    readonly isShared = true
    readonly written = Promise.withResolvers<void>()

    override put(): Promise<void> {
      return this.written.promise
    }
  }

  const answer = expand({ candidates: [{ blocks: kept, finish: { reason: 'tool-calls' } }] })

  test('has the turn before its client hears the end of a whole answer', async () => {
    const vault = new Shared()
    let isOver = false
    const reply = continuity(vault)(async (call) => {
      for (const tap of call.taps) tap(answer)
      return done
    })(callBy(chatCompletions, 'anthropic', [])).then((given) => {
      isOver = true
      return given
    })
    await Bun.sleep(5)
    expect(isOver).toBe(false)
    vault.written.resolve()
    expect(await reply).toBe(done)
  })

  test('has it before the last piece of a stream, and holds no other', async () => {
    const vault = new Shared()
    let cancels = 0
    const reply = await continuity(vault)(async (call) => {
      const pieces = ['first', 'last']
      const body = {
        async next() {
          const piece = pieces.shift()
          if (piece === 'last') for (const tap of call.taps) tap(answer)
          return piece
        },
        cancel: () => void (cancels += 1),
      }
      return { status: 200, headers: {}, body }
    })(callBy(chatCompletions, 'anthropic', []))
    if (!isStream(reply.body)) throw new Error('no stream')
    expect(await reply.body.next()).toBe('first')
    const last = reply.body.next()
    expect(await Promise.race([last, Bun.sleep(5).then(() => 'held')])).toBe('held')
    vault.written.resolve()
    expect(await last).toBe('last')
    expect(await reply.body.next()).toBeUndefined()
    void reply.body.cancel()
    expect(cancels).toBe(1)
  })
})
