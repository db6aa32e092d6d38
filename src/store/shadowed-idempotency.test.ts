import { expect, test } from 'bun:test'
import { MemoryIdempotency } from './memory/idempotency.ts'
import type { IdempotencyState } from './ports/shared-state.ts'
import { StoreUnavailable } from './ports/unavailable.ts'
import { ShadowedIdempotency } from './shadowed-idempotency.ts'

/** A shared store that can lose everything, and go away. */
class Forgetful implements IdempotencyState {
  inner = new MemoryIdempotency(() => 0)
  isAway = false

  lose(): void {
    this.inner = new MemoryIdempotency(() => 0)
  }

  claim(...claim: Parameters<IdempotencyState['claim']>): ReturnType<IdempotencyState['claim']> {
    if (this.isAway) throw new StoreUnavailable('redis', 'away')
    return this.inner.claim(...claim)
  }

  renew(...renewal: Parameters<IdempotencyState['renew']>): boolean {
    return this.inner.renew(...renewal)
  }

  complete(...completion: Parameters<MemoryIdempotency['complete']>): void {
    this.inner.complete(...completion)
  }

  release(...release: Parameters<MemoryIdempotency['release']>): void {
    if (this.isAway) throw new StoreUnavailable('redis', 'away')
    this.inner.release(...release)
  }
}

function stage() {
  const shared = new Forgetful()
  const open = (): ShadowedIdempotency => new ShadowedIdempotency(shared, new MemoryIdempotency(() => 0))
  return { shared, here: open(), elsewhere: open() }
}

async function executed(state: IdempotencyState): Promise<void> {
  const claim = await state.claim('scope', 'body', 1_000)
  if (claim.state !== 'execute') throw new Error(claim.state)
  await state.complete('scope', claim.token, Buffer.from('answer'), 10_000)
}

test('what runs here is in flight here, also when the shared store has lost it', async () => {
  const { shared, here } = stage()
  expect((await here.claim('scope', 'body', 1_000)).state).toBe('execute')
  shared.lose()
  expect((await here.claim('scope', 'body', 1_000)).state).toBe('in-flight')
  expect((await here.claim('scope', 'other', 1_000)).state).toBe('mismatch')
})

test('what was answered here is answered again, and the shared store is told anew', async () => {
  const { shared, here, elsewhere } = stage()
  await executed(here)
  shared.lose()
  const again = await here.claim('scope', 'body', 1_000)
  expect(again.state === 'done' && Buffer.from(again.answer).toString()).toBe('answer')
  expect((await elsewhere.claim('scope', 'body', 1_000)).state).toBe('done')
})

test('nothing is served while the shared store is away, not even what is known here', async () => {
  const { shared, here } = stage()
  await executed(here)
  shared.isAway = true
  expect(here.claim('scope', 'body', 1_000)).rejects.toBeInstanceOf(StoreUnavailable)
})

test('a claim that failed leaves nothing behind', async () => {
  const { shared, here } = stage()
  shared.isAway = true
  expect(here.claim('scope', 'body', 1_000)).rejects.toBeInstanceOf(StoreUnavailable)
  shared.isAway = false
  await executed(here)
})

test('a key released here is free here, also when the shared store could not be told', async () => {
  const { shared, here } = stage()
  const claim = await here.claim('scope', 'body', 1_000)
  if (claim.state !== 'execute') throw new Error(claim.state)
  shared.isAway = true
  await here.release('scope', claim.token).catch(() => {})
  shared.isAway = false
  shared.lose()
  await executed(here)
})
