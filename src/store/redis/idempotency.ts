import { newId } from '../../platform/random.ts'
import type { IdempotencyClaim, IdempotencyState } from '../ports/shared-state.ts'
import { StoreUnavailable } from '../ports/unavailable.ts'
import { blindName, seal, unseal } from '../seal.ts'
import type { RedisConnection } from './connection.ts'
import type { Deliveries } from './deliveries.ts'
import { type Script, toScript } from './script.ts'

/** What this needs of the connection. */
export type Scripts = Pick<RedisConnection, 'prefix' | 'evalScript'>

/**
 * One hash a key: `f` what was asked, `t` who executes it, `a` the answer. While it is executed it lapses with the lease,
 * afterwards with the answer's time. All of it is blinded or sealed (store/seal.ts).
 */
const CLAIM = toScript(`
local held = redis.call('HMGET', KEYS[1], 'f', 't', 'a')
if not held[1] or held[2] == ARGV[2] then
  redis.call('HSET', KEYS[1], 'f', ARGV[1], 't', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'execute'}
end
if held[1] ~= ARGV[1] then return {'mismatch'} end
if held[3] then return {'done', held[3]} end
return {'in-flight'}`)

/** A key nobody holds is taken back: Redis has lost it, or the lease lapsed unnoticed. */
const RENEW = toScript(`
local held = redis.call('HMGET', KEYS[1], 'f', 't')
if held[1] and held[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'f', ARGV[1], 't', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`)

const COMPLETE = toScript(`
local held = redis.call('HMGET', KEYS[1], 'f', 't')
if held[1] and held[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'f', ARGV[1], 'a', ARGV[4])
redis.call('HDEL', KEYS[1], 't')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`)

const RELEASE = toScript(`
if redis.call('HGET', KEYS[1], 't') == ARGV[2] then redis.call('DEL', KEYS[1]) end
return 1`)

/** An answer that could not be kept for this long is not tried again: its key may have been used anew. */
const MAXIMUM_DELIVERY_MILLISECONDS = 600_000

/**
 * Idempotency over replicas. What cannot be told to Redis is told when it is back (`deliveries`); a claim that cannot be
 * made rejects with `StoreUnavailable`, and never stands for "yes".
 */
export class RedisIdempotency implements IdempotencyState {
  readonly #redis: Scripts
  readonly #deliveries: Deliveries
  readonly #now: () => number
  /** Calls this process executes, by token. */
  readonly #held = new Map<string, { scope: string; leaseMs: number }>()
  #isPaused = false

  constructor(redis: Scripts, deliveries: Deliveries, now: () => number) {
    this.#redis = redis
    this.#deliveries = deliveries
    this.#now = now
  }

  async claim(scope: string, fingerprint: string, leaseMs: number): Promise<IdempotencyClaim> {
    if (this.#isPaused) throw new StoreUnavailable('redis', 'Redis is being told what it has lost')
    const token = `${newId()}.${blindName(`${scope}\n${fingerprint}`)}`
    try {
      const [state, answer] = await this.#run<Buffer[]>(CLAIM, scope, token, leaseMs)
      switch (String(state)) {
        case 'execute':
          this.#held.set(token, { scope, leaseMs })
          return { state: 'execute', token }
        case 'done':
          return { state: 'done', answer: opened(scope, answer) }
        case 'mismatch':
          return { state: 'mismatch' }
        default:
          return { state: 'in-flight' }
      }
    } catch (thrown) {
      // Redis may have heard it, and answered too late: nobody will ever execute under this token.
      this.#later(leaseMs, 0, () => this.#run(RELEASE, scope, token, 0))
      throw unavailable(thrown)
    }
  }

  async renew(scope: string, token: string, leaseMs: number): Promise<boolean> {
    try {
      return (await this.#run(RENEW, scope, token, leaseMs)) === 1
    } catch (thrown) {
      throw unavailable(thrown)
    }
  }

  async complete(scope: string, token: string, answer: Uint8Array, keepMs: number): Promise<void> {
    this.#held.delete(token)
    const sealed = seal(scope, answer)
    const tell = (): Promise<unknown> => this.#run(COMPLETE, scope, token, keepMs, sealed)
    await tell().catch(() => this.#later(keepMs, sealed.length, tell))
  }

  async release(scope: string, token: string): Promise<void> {
    this.#held.delete(token)
    const tell = (): Promise<unknown> => this.#run(RELEASE, scope, token, 0)
    await tell().catch(() => this.#later(MAXIMUM_DELIVERY_MILLISECONDS, 0, tell))
  }

  /** Claims are refused until `resume`: what Redis has lost is being told to it. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
  }

  /** Tells Redis again which calls are executed here. */
  async renewAll(): Promise<void> {
    const renewals = [...this.#held].map(([token, { scope, leaseMs }]) => this.renew(scope, token, leaseMs))
    await Promise.allSettled(renewals)
  }

  /** The process ends, and its calls with it: nobody has to wait for their leases to lapse. */
  async releaseAll(): Promise<void> {
    await Promise.all([...this.#held].map(([token, { scope }]) => this.release(scope, token)))
  }

  /** Tells Redis an answer that it should know; one that it has meanwhile stays. */
  async restore(scope: string, fingerprint: string, answer: Uint8Array, keepMs: number): Promise<void> {
    await this.#run(
      COMPLETE,
      scope,
      `restored.${blindName(`${scope}\n${fingerprint}`)}`,
      keepMs,
      seal(scope, answer),
    )
  }

  #run<Answer>(
    script: Script,
    scope: string,
    token: string,
    milliseconds: number,
    ...more: Buffer[]
  ): Promise<Answer> {
    const asked = token.slice(token.indexOf('.') + 1)
    const name = `${this.#redis.prefix}idempotency:${blindName(scope)}`
    const args = [asked, token, String(Math.ceil(milliseconds)), ...more]
    return this.#redis.evalScript<Answer>(script, [name], args, { binary: true })
  }

  #later(usefulMs: number, bytes: number, tell: () => Promise<unknown>): void {
    this.#deliveries.add(tell, this.#now() + Math.min(usefulMs, MAXIMUM_DELIVERY_MILLISECONDS), bytes)
  }
}

/** What cannot be opened was written by something else: nobody may execute on its account, nor take it for an answer. */
function opened(scope: string, answer: Buffer | undefined): Uint8Array {
  const plain = answer && unseal(scope, answer)
  if (!plain) throw new StoreUnavailable('redis', 'an answer in Redis cannot be read')
  return plain
}

function unavailable(thrown: unknown): StoreUnavailable {
  if (thrown instanceof StoreUnavailable) return thrown
  return new StoreUnavailable('redis', 'Redis could not be asked', { cause: thrown })
}
