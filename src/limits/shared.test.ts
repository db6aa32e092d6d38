import { describe, expect, test } from 'bun:test'
import { snapshotOf } from '../config/testing/load-text.ts'
import { MemoryLimitState } from '../store/memory/limit-state.ts'
import type { Claim, LimitState } from '../store/ports/shared-state.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import type { LossCategory, Planned } from './rule.ts'
import { SharedLimits } from './shared.ts'

const claims: Readonly<Record<LossCategory, Claim>> = {
  requests: { kind: 'window', name: 'rpm', limit: 7, amount: 1, windowMs: 60_000 },
  tokens: { kind: 'window', name: 'tpm', limit: 70, amount: 10, windowMs: 60_000 },
  budgets: {
    kind: 'money',
    name: 'day',
    limit: 70n,
    amount: 10n,
    scope: { tenant: 't' },
    from: 0,
    until: 9e15,
  },
}

function planned(...categories: LossCategory[]): Planned {
  return {
    claims: categories.map((category) => claims[category]),
    rules: categories.map((category) => ({
      category,
      owner: 'key',
      text: category,
      code: category,
      quota: false,
      measure: { type: 'fixed', claim: claims[category] },
    })),
  }
}

function settings(toml: string) {
  return snapshotOf('xjp.toml', `[auth]\nmode = "keys"\n[redis]\nreplicas = 3\n${toml}`).redis
}

/** Limits whose Redis is gone: found out by the call, or known before. */
function lost(known: boolean): SharedLimits {
  const shared: LimitState & { close(): Promise<void> } = {
    admit: () => Promise.reject(new StoreUnavailable('redis', 'gone')),
    close: async () => {},
  }
  const own = (): MemoryLimitState =>
    new MemoryLimitState({ now: () => 0, monotonic: () => 0, seed: async () => 0n })
  return new SharedLimits({ now: () => 0, shared, isUp: () => !known, own })
}

/** How many of twenty calls pass; `denied` when they fail with 503. */
async function admittedOf(limits: SharedLimits, plan: Planned, toml: string): Promise<number | 'denied'> {
  let count = 0
  for (let call = 0; call < 20; call += 1) {
    try {
      if ((await limits.admit(plan, settings(toml))).decision.admitted) count += 1
    } catch (thrown) {
      expect(thrown).toMatchObject({ kind: 'unavailable', details: { retryAfterSeconds: 1 } })
      return 'denied'
    }
  }
  return count
}

const onLoss = (requests: string, tokens: string, budgets: string): string =>
  `[redis.on_loss]\nrequests = "${requests}"\ntokens = "${tokens}"\nbudgets = "${budgets}"\n`

const rows: readonly (readonly [string, LossCategory[], string, number | 'denied'])[] = [
  ['a third of the requests, rounded down', ['requests'], '', 2],
  ['a third of the tokens', ['tokens'], '', 2],
  ['budgets are refused unless told otherwise', ['requests', 'budgets'], '', 'denied'],
  ['a third of the budget', ['budgets'], onLoss('local', 'local', 'local'), 2],
  ['requests refused', ['requests'], onLoss('deny', 'local', 'local'), 'denied'],
  ['everything lets pass', ['requests', 'tokens', 'budgets'], onLoss('allow', 'allow', 'allow'), 20],
  ['only requests are lifted', ['requests', 'tokens'], onLoss('allow', 'local', 'deny'), 2],
  ['one limit denies for all', ['requests', 'tokens'], onLoss('allow', 'deny', 'allow'), 'denied'],
]

describe('D7: what holds while Redis cannot be asked', () => {
  for (const [title, categories, toml, expected] of rows)
    test(title, async () => {
      for (const known of [false, true])
        expect(await admittedOf(lost(known), planned(...categories), toml)).toBe(expected)
    })

  test('a share of a budget knows what was spent while Redis was there in between', async () => {
    let [isUp, spent] = [false, 0n]
    const shared = new MemoryLimitState({ now: () => 0, monotonic: () => 0, seed: async () => spent })
    const limits = new SharedLimits({
      now: () => 0,
      shared: Object.assign(shared, { close: async () => {} }),
      isUp: () => isUp,
      own: () => new MemoryLimitState({ now: () => 0, monotonic: () => 0, seed: async () => spent / 3n }),
    })
    const plan = planned('budgets')
    const toml = onLoss('local', 'local', 'local')
    const once = async (): Promise<boolean> => (await limits.admit(plan, settings(toml))).decision.admitted
    // A third of 70 has room for two calls of 10.
    expect(await once()).toBe(true)
    isUp = true
    expect(await once()).toBe(true)
    spent = 60n
    isUp = false
    expect(await once()).toBe(false)
  })

  test('a limit below the number of replicas still lets one pass', async () => {
    const plan = planned('requests')
    const single = { ...plan, claims: [{ ...claims.requests, limit: 2 } as Claim] }
    expect(await admittedOf(lost(true), single, '')).toBe(1)
  })
})
