import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GatewayProcess } from '../../rig/gateway.ts'
import { at, type Fields, fields, list } from '../../rig/json.ts'
import { type OwnRedis, ownRedis, testRedis } from '../../support/services/redis.ts'
import { figure, size } from '../support/figure.ts'
import { openReplicas, type Replicas, until } from './support/replicas.ts'

/** A conversation goes on with its reasoning state after a restart, and at another replica. */

const ROUNDS = size(3, 30)
const tool = {
  type: 'function',
  function: { name: 'look', parameters: { type: 'object', properties: { q: { type: 'string' } } } },
}

async function chat(gateway: GatewayProcess, messages: Fields[]): Promise<Fields> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'messages', reasoning_effort: 'low', messages, tools: [tool] }),
  })
  const body = fields(await response.json())
  if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(body)}`)
  return fields(at(body, 'choices', 0, 'message'))
}

/** Asks for a call, and gives what a client sends back that keeps nothing but what its own dialect shows. */
async function firstTurn(gateway: GatewayProcess, word: string): Promise<Fields[]> {
  const question = { role: 'user', content: `${word} [scene:thinking-tool]` }
  const { tool_calls: calls } = await chat(gateway, [question])
  const id = at(list(calls), 0, 'id')
  if (typeof id !== 'string') throw new Error('no call was made')
  return [
    question,
    { role: 'assistant', content: null, tool_calls: calls },
    { role: 'tool', tool_call_id: id, content: 'found' },
  ]
}

/** What the upstream saw of the earlier turn's state: the rig says it in its answer. */
async function stateAt(gateway: GatewayProcess, history: Fields[]): Promise<string> {
  const { content } = await chat(gateway, history)
  return /state: (\w+)/.exec(String(content))?.[1] ?? String(content)
}

async function restarted(
  replicas: Replicas,
  how: NodeJS.Signals,
  dataDirectory: string,
): Promise<GatewayProcess> {
  const running = replicas.gateways.at(-1)
  running?.kill(how)
  await running?.exited
  return replicas.add(dataDirectory)
}

/** When the vault's file last changed. */
function writtenAt(dataDirectory: string): number {
  const times = ['vault.sqlite', 'vault.sqlite-wal'].map(
    (name) => statSync(join(dataDirectory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  )
  return Math.max(...times)
}

test('a conversation survives a restart on a data directory', async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'xjp-continuity-'))
  const replicas = await openReplicas({ dataDirectory })
  const states: string[] = []
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const gateway = replicas.gateways.at(-1) as GatewayProcess
      const before = writtenAt(dataDirectory)
      const history = await firstTurn(gateway, `restart-${round}`)
      // A killed one loses what it had not written yet; one that is asked to end writes it.
      if (round % 2 === 1) await until(() => writtenAt(dataDirectory) > before)
      const next = await restarted(replicas, round % 2 === 0 ? 'SIGTERM' : 'SIGKILL', dataDirectory)
      states.push(await stateAt(next, history))
    }
  } finally {
    await replicas.close()
    rmSync(dataDirectory, { recursive: true, force: true })
  }
  figure('continuity over a restart', { n: ROUNDS, kept: states.filter((state) => state === 'own').length })
  expect(states).toEqual(Array.from({ length: ROUNDS }, () => 'own'))
}, 600_000)

test('a conversation goes on at another replica over one Redis, and after both were killed', async () => {
  const replicas = await openReplicas({ count: 2, redisUrl: (await testRedis()).url })
  try {
    const [one, other] = replicas.gateways as [GatewayProcess, GatewayProcess]
    let kept = 0
    let last: Fields[] = []
    for (let round = 0; round < ROUNDS * 5; round += 1) {
      last = await firstTurn(round % 2 === 0 ? one : other, `replica-${round}`)
      if ((await stateAt(round % 2 === 0 ? other : one, last)) === 'own') kept += 1
    }
    one.kill('SIGKILL')
    other.kill('SIGKILL')
    await Promise.all([one.exited, other.exited])
    const state = await stateAt(await replicas.add(), last)
    figure('continuity over replicas', { n: ROUNDS * 5, kept, after_a_restart: state })
    expect([kept, state]).toEqual([ROUNDS * 5, 'own'])
  } finally {
    await replicas.close()
  }
}, 600_000)

test('a Redis that is away takes the state, but no call', async () => {
  const redis: OwnRedis = await ownRedis()
  const replicas = await openReplicas({ count: 2, redisUrl: redis.url, commandTimeoutMs: 100 })
  try {
    const [one, other] = replicas.gateways as [GatewayProcess, GatewayProcess]
    const history = await firstTurn(one, 'away')
    redis.freeze()
    const begun = performance.now()
    // Rigs that are strict about thinking would refuse; this one says what it got.
    expect(await stateAt(other, history)).toBe('missing')
    expect(performance.now() - begun).toBeLessThan(1_000)
    expect(await stateAt(one, history)).toBe('own')
  } finally {
    await replicas.close()
    await redis.close()
  }
}, 60_000)
