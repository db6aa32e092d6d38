import { describe, expect, test } from 'bun:test'
import { snapshotOf } from '../config/testing/load-text.ts'
import type { Call, CallRecord, Identity, Reply } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { providers } from '../providers/list.ts'
import type { Pass } from '../resilience/resilience.ts'
import type { KeyRecord } from '../store/ports/keys.ts'
import { countingTarget, isOpenTo, route, targetsOf } from './route.ts'
import { callWith, requestWith } from './testing.ts'

const text = `
[models.one]
aliases = ["uno"]
defaults = { temperature = 0.5, max_tokens = 7 }
primary = { provider = "openai", provider_model_id = "gpt-a" }
[models.pair]
primary = { provider = "openai", provider_model_id = "gpt-a" }
fallback = { provider = "vertex", provider_model_id = "gemini-b", region = "eu" }
[models.shared]
[[models.shared.routes]]
provider = "openai"
provider_model_id = "gpt-a"
weight = 1
[[models.shared.routes]]
provider = "vertex"
provider_model_id = "gemini-b"
weight = 3
[models.streamed]
primary = { provider = "openai", provider_model_id = "gpt-a", when = { stream = true } }
[models."wild-*"]
primary = { provider = "openai", provider_model_id = "ft:*", region = "r" }
[providers.openai]
credentials = [{ name = "a", api_key = "key-a", concurrency = 2 }, { api_key = "key-b" }]
[providers.vertex]
credentials = [{ access_token = "token", project = "p" }]
[providers.anthropic]
api_key = "key"
[model_list]
passthrough = true
`
const snapshot = snapshotOf('a.toml', text, { providers })
const reply: Reply = { status: 200, headers: {}, body: 'answer' }

interface Setting {
  identity?: Identity
  stream?: boolean
  random?: number
  fails?: GatewayError
}

function call(model: string, { identity = { tenant: 'open' }, stream = true }: Setting = {}): Call {
  return callWith({
    snapshot,
    identity,
    headers: new Headers(),
    replyHeaders: {},
    request: { ...requestWith([]), model, stream },
    record: { endpoint: '', model, stream, attempts: [], dropped: [], bytesSent: 0 },
  })
}

/** What the policies behind see. */
async function through(model: string, setting: Setting = {}) {
  const asked = call(model, setting)
  const outside = { resilience: { latencyOf: () => undefined }, random: () => setting.random ?? 0 }
  const seen: { targets?: readonly Target[]; error?: unknown; call: Call; record: CallRecord } = {
    call: asked,
    record: asked.record,
  }
  const handler = route(outside)(async ({ targets }) => {
    seen.targets = targets
    if (setting.fails) throw setting.fails
    return reply
  })
  try {
    await handler(asked)
  } catch (error) {
    seen.error = error
  }
  return { ...seen, labels: seen.targets?.map(({ label }) => label) }
}

function holder(...scopes: string[]): Identity {
  const key: Partial<KeyRecord> = { id: 'k', tenant: 'acme', scopes, tags: {} }
  return { tenant: 'acme', key: key as KeyRecord }
}

describe('one route', () => {
  test('is the same list for every call, and nothing is noted', async () => {
    const [first, second] = [await through('one'), await through('one')]
    expect(first.targets).toBe(second.targets as readonly Target[])
    expect(first.labels).toEqual(['openai/gpt-a'])
    expect(first.record).toEqual(call('one').record)
  })

  test('the configuration’s values for what the request leaves out', async () => {
    const { call: seen } = await through('one')
    expect(seen.request).toMatchObject({ temperature: 0.5, maxOutputTokens: 7 })
  })

  test('what is kept of a call speaks of the model; the answer has the name that was asked for', async () => {
    const { call: seen, record } = await through('uno')
    expect([record.model, seen.request.model]).toEqual(['one', 'uno'])
  })

  test('a condition makes it one to choose', async () => {
    expect((await through('streamed')).labels).toEqual(['openai/gpt-a'])
    expect((await through('streamed', { stream: false })).error).toMatchObject({ status: 403 })
  })

  test('a name that is not served', async () => {
    expect((await through('on')).error).toMatchObject({
      status: 404,
      message:
        'model: "on" is not served here. Did you mean "one" or "openai/on" or "vertex/on"? GET /v1/models lists what is.',
    })
    const { error } = await through('on', { identity: holder('pair') })
    expect((error as Error).message).toBe('model: "on" is not served here. GET /v1/models lists what is.')
  })
})

describe('several routes', () => {
  test('are noted in their order, and what chose it', async () => {
    const { labels, record, targets } = await through('pair')
    expect(labels).toEqual(['openai/gpt-a', 'vertex/gemini-b'])
    expect(record).toMatchObject({ balance: 'order' })
    expect(record.considered).toBe(targets as readonly Target[])
    expect((await through('shared', { random: 0.3 })).labels).toEqual(['vertex/gemini-b', 'openai/gpt-a'])
    expect((await through('shared', { random: 0.2 })).record.balance).toBe('weight')
  })

  test('only those that the key is for; the answer names the others', async () => {
    const { labels, record, call: seen } = await through('pair', { identity: holder('target:openai/*') })
    expect(labels).toEqual(['openai/gpt-a'])
    expect(record.balance).toBeUndefined()
    expect(record.passedOver).toEqual([{ target: 'vertex/gemini-b', reason: 'not_permitted' }])
    expect(seen.replyHeaders).toEqual({ 'x-xjp-not-permitted': 'vertex/gemini-b' })
  })

  test('a failure says what was not tried for want of a right to it; the upstream’s own words stay', async () => {
    const upstream = { dialect: 'chat-completions' as const, status: 500, body: '{}' }
    const fails = new GatewayError('upstream_failed', 'It broke', { upstream })
    const { error } = await through('pair', { identity: holder('region:eu'), fails })
    expect(error).toMatchObject({
      kind: 'upstream_failed',
      message: 'It broke (not tried, this API key may not use it: openai/gpt-a)',
      details: { upstream },
    })
    expect((await through('pair', { identity: holder('pair'), fails })).error).toBe(fails)
  })

  test('none that the key is for: 403, and nothing is called', async () => {
    const { error, targets } = await through('pair', { identity: holder('target:anthropic/*') })
    expect(targets).toBeUndefined()
    expect(error).toMatchObject({ status: 403, details: { code: 'target_not_allowed' } })
  })
})

describe('credentials', () => {
  test('one target a credential, each with all of them beside it', async () => {
    const [target] = (await through('one')).targets as [Target]
    const siblings = target.siblings as Target[]
    expect(siblings[0]).toBe(target)
    expect(siblings.map(({ credential, settings }) => [credential, settings.apiKey])).toEqual([
      [{ name: 'a', concurrency: 2 }, 'key-a'],
      [{ name: '2' }, 'key-b'],
    ])
    expect(siblings.every((one) => one.siblings === siblings && one.label === 'openai/gpt-a')).toBe(true)
    expect(new Set(siblings.map(({ route: name }) => name)).size).toBe(1)
    expect(siblings.some(({ settings }) => 'credentials' in settings)).toBe(false)
  })

  test('a single one has a name and no siblings', async () => {
    const [, target] = (await through('pair')).targets as [Target, Target]
    expect([target.credential, target.siblings]).toEqual([{ name: '1' }, undefined])
    expect(target.settings).toMatchObject({ accessToken: 'token', project: 'p', region: 'eu' })
  })
})

describe('names that clients choose', () => {
  test('have one route for all of them', async () => {
    const [a, b] = [await through('wild-1'), await through('wild-2')]
    expect([a.labels, b.labels]).toEqual([['openai/ft:1'], ['openai/ft:2']])
    const names = [...(a.targets ?? []), ...(b.targets ?? [])].map(({ route: name, publicModel }) => [
      name,
      publicModel,
    ])
    expect(names).toEqual([
      ['wild-* → openai/ft:*@r', 'wild-*'],
      ['wild-* → openai/ft:*@r', 'wild-*'],
    ])
    expect(a.record.model).toBe('wild-1')
    const passing = await through('anthropic/claude-x')
    expect(passing.targets?.map(({ route: name, publicModel }) => [name, publicModel])).toEqual([
      ['anthropic/* → anthropic/*', 'anthropic/*'],
    ])
  })

  test('a flood of them is not kept', async () => {
    const flooded = snapshotOf('a.toml', text, { providers })
    const seen = (model: string) =>
      targetsOf({ snapshot: flooded, request: { ...requestWith([]), model }, identity: { tenant: 'open' } })
    const first = seen('wild-0')
    for (let count = 0; count < 10_500; count++) seen(`wild-${count}`)
    expect(seen('wild-0')).toBe(first)
    expect(seen('wild-10400')).not.toBe(seen('wild-10400'))
  })

  test('nor is a long one', () => {
    const seen = (model: string) =>
      targetsOf({ snapshot, request: { ...requestWith([]), model }, identity: { tenant: 'open' } })
    const long = `wild-${'x'.repeat(10_000)}`
    expect(seen(long)).not.toBe(seen(long))
  })
})

describe('a call that makes no answer', () => {
  const pass = (target: Target): Pass => ({ target, probe: false, end() {}, broke() {}, release() {} })
  const openOnly = (label: string) => ({
    enter: (target: Target) =>
      target.label === label ? pass(target) : { open: false as const, reason: 'cooling' as const },
  })

  test('goes to the first open target that is for it', () => {
    const to = (model: string, open: string, identity?: Identity) =>
      countingTarget(call(model, { stream: false, ...(identity && { identity }) }), openOnly(open))?.target
        .label
    expect(to('pair', 'openai/gpt-a')).toBe('openai/gpt-a')
    expect(to('pair', 'vertex/gemini-b')).toBe('vertex/gemini-b')
    expect(to('pair', 'nowhere')).toBeUndefined()
    expect(to('pair', 'openai/gpt-a', holder('region:eu'))).toBeUndefined()
    expect(to('streamed', 'openai/gpt-a')).toBe('openai/gpt-a')
    expect(() => to('pair', 'openai/gpt-a', holder('target:x/*'))).toThrow(
      'may not use what "pair" stands for',
    )
  })

  test('is no probe: it says nothing of how the upstream does, and keeps others from asking', () => {
    let released = 0
    const halfOpen = {
      enter: (target: Target): Pass => ({
        ...pass(target),
        probe: target.label === 'openai/gpt-a',
        release: () => void (released += 1),
      }),
    }
    expect(countingTarget(call('pair', { stream: false }), halfOpen)?.target.label).toBe('vertex/gemini-b')
    expect(released).toBe(1)
    expect(countingTarget(call('one', { stream: false }), halfOpen)).toBeUndefined()
    expect(released).toBe(2)
  })

  test('is kept under the model’s own name', () => {
    const asked = call('uno')
    countingTarget(asked, openOnly('openai/gpt-a'))
    expect(asked.record.model).toBe('one')
  })
})

test('a model is open to a key that may use its name and one of its targets', () => {
  const table: [string, Identity, boolean][] = [
    ['pair', { tenant: 'open' }, true],
    ['pair', holder('pair'), true],
    ['pair', holder('one'), false],
    ['pair', holder('target:vertex/*'), true],
    ['pair', holder('target:anthropic/*'), false],
    ['pair', holder('one', 'target:vertex/*'), false],
    ['uno', holder('one'), true],
    ['uno', holder('uno'), false],
    ['listed-only', holder('region:eu'), true],
  ]
  for (const [model, identity, wanted] of table) expect(isOpenTo(snapshot, identity, model)).toBe(wanted)
})
