import type { KeyLimits, KeyRecord, KeyStore } from '../store/ports/keys.ts'
import { hashOf, newKey, newKeyId, type Random, shownOf } from './key-format.ts'

/** What a new key shall be; see `KeyRecord`. */
export interface KeyWishes {
  tenant: string
  description?: string
  scopes?: readonly string[]
  limits?: KeyLimits
  unlimitedRequests?: boolean
  tags?: Readonly<Record<string, string>>
  expiresAt?: number
}

/** A key whose secret is known, this once. */
export interface IssuedKey {
  key: string
  record: KeyRecord
}

interface Means {
  random: Random
  /** Milliseconds since 1970. */
  now(): number
}

export async function issueKey(
  store: KeyStore,
  { tenant, expiresAt, ...wishes }: KeyWishes,
  { random, now }: Means,
): Promise<IssuedKey> {
  const key = newKey(random)
  const record = await store.create({
    id: newKeyId(random),
    hash: hashOf(key),
    prefix: shownOf(key),
    tenant,
    description: wishes.description ?? '',
    scopes: wishes.scopes ?? [],
    limits: wishes.limits ?? {},
    unlimitedRequests: wishes.unlimitedRequests ?? false,
    tags: wishes.tags ?? {},
    enabled: true,
    createdAt: now(),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  })
  return { key, record }
}

/**
 * Gives a key a new secret; the earlier one is good for `graceMs` more. One earlier secret is kept: the one before it
 * ends now. Undefined when there is no such key.
 */
export async function rotateKey(
  store: KeyStore,
  id: string,
  graceMs: number,
  { random, now }: Means,
): Promise<IssuedKey | undefined> {
  const known = await store.get(id)
  if (!known) return undefined
  const key = newKey(random)
  const earlier =
    graceMs > 0
      ? { previousHash: known.hash, previousUntil: now() + graceMs }
      : { previousHash: null, previousUntil: null }
  const record = await store.update(id, { hash: hashOf(key), prefix: shownOf(key), ...earlier })
  return record && { key, record }
}
