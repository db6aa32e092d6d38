import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { startUpstream, type Upstream } from '../../rig/upstream.ts'
import { command } from '../accounting/support/books.ts'
import { figure, percentile, size } from '../support/figure.ts'
import { modelToml } from '../support/stage.ts'
import { inParallel, startPace, statusOf } from './support/watch.ts'

// B12: what one tenant does wrong never opens a circuit for another.

const TROUBLE = size(1_000, 10_000)
const AT_ONCE = 25

let upstream: Upstream
let gateway: GatewayProcess
const folder = mkdtempSync(join(tmpdir(), 'xjp-tenants-'))
const keys: Record<string, string> = {}

beforeAll(async () => {
  upstream = await startUpstream()
  for (const tenant of ['a', 'b']) {
    const wishes = ['--tenant', tenant, '--rpm', 'unlimited', '--json', '--data-dir', folder]
    const made = await command(['keys', 'create', ...wishes], {})
    keys[tenant] = (JSON.parse(made) as { key: string }).key
  }
  // As easily opened as can be: three failures, or one of ten attempts in a minute.
  const circuit =
    '[circuit]\nfailure_threshold = 3\nfailure_rate = 0.1\nminimum_attempts = 10\nwindow_ms = 60000\n'
  const models = modelToml(
    'm',
    { provider: 'openai', model: 'gpt-4.1' },
    { provider: 'anthropic', model: 'claude-opus-4-6' },
  )
  gateway = await startGateway({
    dataDirectory: folder,
    env: upstream.environment,
    config: {
      name: 'xjp.toml',
      text: `[auth]\nmode = "keys"\n[limits]\nmax_delay_ms = 0\n${circuit}${models}`,
    },
  })
})
afterAll(async () => {
  gateway.kill('SIGKILL')
  await gateway.exited
  await upstream.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Asked {
  content: string
  stream?: boolean
  headers?: Record<string, string>
  leavesAfterMs?: number
}

/** The status and where it was answered; 0 when the caller left. */
async function ask(
  key: string | undefined,
  asked: Asked,
): Promise<{ status: number; target: string | null }> {
  const { content, stream = false, headers, leavesAfterMs } = asked
  const leaving = leavesAfterMs === undefined ? {} : { signal: AbortSignal.timeout(leavesAfterMs) }
  try {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
      body: JSON.stringify({ model: 'm', stream, messages: [{ role: 'user', content }] }),
      ...leaving,
    })
    await response.arrayBuffer()
    return { status: response.status, target: response.headers.get('x-xjp-target') }
  } catch {
    return { status: 0, target: null }
  }
}

/** What tenant A does, and the statuses it may see. */
const troubles: readonly { name: string; asked: Asked; key?: string; sees: readonly number[] }[] = [
  ...[400, 403, 404, 409, 413, 422].map((status) => ({
    name: `a request that is refused with ${status}`,
    asked: { content: `[scene:error@${status}] x` },
    sees: [400, 403, 404, 409, 413, 422],
  })),
  { name: 'a bad key', asked: { content: 'hello' }, key: 'xjp_nobody', sees: [401, 429] },
  {
    name: 'leaving before the answer',
    asked: { content: '[fault:stall-head] x', leavesAfterMs: 30 },
    sees: [0],
  },
  {
    name: 'leaving before the first content',
    asked: { content: '[fault:stall-start] x', stream: true, leavesAfterMs: 30 },
    sees: [0],
  },
  {
    name: 'leaving in the middle',
    asked: { content: '[scene:long@200] [fault:trickle@20] x', stream: true, leavesAfterMs: 60 },
    sees: [0],
  },
  {
    name: 'leaving at once',
    asked: { content: 'hello', stream: true, leavesAfterMs: 1 },
    sees: [0, 200],
  },
  {
    name: 'a time that nobody can keep',
    asked: { content: '[fault:stall-head] x', headers: { 'x-xjp-timeout-ms': '20' } },
    sees: [504],
  },
]

/** What the gateway's log says of circuits. */
function circuitLines(): number {
  return gateway
    .output()
    .stdout.split('\n')
    .filter((line) => line.includes('the circuit of a route')).length
}

describe('B12', () => {
  test('bad requests, aborts and bad keys of one tenant never open a circuit for another', async () => {
    const seen = new Map<string, number>()
    const wrong: string[] = []
    const milliseconds: number[] = []
    const states = new Set<string>()
    const other = startPace(50, async () => {
      const begun = performance.now()
      const { status, target } = await ask(keys['b'], { content: 'hello from b' })
      milliseconds.push(performance.now() - begun)
      if (status !== 200 || target !== 'openai/gpt-4.1') wrong.push(`${status} ${target}`)
    })
    const watching = startPace(10, async () => {
      for (const { state } of (await statusOf(gateway.url)).circuits) states.add(state)
    })
    await inParallel(TROUBLE, AT_ONCE, async (index) => {
      const trouble = troubles[index % troubles.length]
      if (!trouble) return
      const { status } = await ask(trouble.key ?? keys['a'], trouble.asked)
      seen.set(trouble.name, (seen.get(trouble.name) ?? 0) + 1)
      if (!trouble.sees.includes(status)) wrong.push(`${trouble.name}: ${status}`)
    })
    const calls = await other.stop()
    await watching.stop()
    const { circuits } = await statusOf(gateway.url)
    const opens = gateway
      .output()
      .stdout.split('\n')
      .filter((line) => line.includes('the circuit of a route')).length
    figure('B12', {
      trouble: TROUBLE,
      kinds: seen.size,
      calls_of_b: calls,
      wrong: wrong.length,
      opens,
      p99_of_b_ms: Math.round(percentile(milliseconds, 0.99)),
    })
    expect(wrong).toEqual([])
    expect(circuits.map(({ target, state }) => `${target} ${state}`)).toEqual([
      'openai/gpt-4.1 closed',
      'anthropic/claude-opus-4-6 closed',
    ])
    expect([...states]).toEqual(['closed'])
    expect(opens).toBe(0)
  })

  test('an upstream that does fail opens it, so that the test above can fail', async () => {
    await inParallel(
      30,
      5,
      async () => void (await ask(keys['a'], { content: '[openai-fault:cut-head-rst] x' })),
    )
    const { circuits } = await statusOf(gateway.url)
    expect(circuits[0]).toMatchObject({ target: 'openai/gpt-4.1', state: 'open' })
    // The line is on its way through a pipe.
    while (circuitLines() === 0) await Bun.sleep(10)
    expect(circuitLines()).toBe(1)
    expect(await ask(keys['b'], { content: 'hello' })).toEqual({
      status: 200,
      target: 'anthropic/claude-opus-4-6',
    })
  })
})
