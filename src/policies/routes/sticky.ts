import { createHash } from 'node:crypto'
import type { Sticky } from '../../config/snapshot.ts'
import type { Call } from '../../pipeline/call.ts'
import type { Target } from '../../pipeline/target.ts'
import { isObject } from '../../protocol/model/json.ts'
import type { ChatRequest } from '../../protocol/model/request.ts'
import { beginningOf } from './beginning.ts'

/** Two whole numbers of 32 bits. */
type Seed = readonly [number, number]

/** Headers that name a client's session, the most exact first. */
const sessionHeaders = ['x-claude-code-session-id', 'session_id'] as const
/** A session's name counts to here, and by its length. */
const MAXIMUM_NAME = 1_024

/** What a conversation is known by; undefined when the call says nothing that could tell it from others. */
export function conversationOf(call: Pick<Call, 'headers' | 'request'>, by: Sticky): string | undefined {
  const session = by === 'prefix' ? undefined : sessionOf(call)
  if (session !== undefined) return `session ${session.length} ${session.slice(0, MAXIMUM_NAME)}`
  return by === 'session' ? undefined : beginningOf(call.request)
}

function sessionOf({ headers, request }: Pick<Call, 'headers' | 'request'>): string | undefined {
  for (const name of sessionHeaders) {
    const value = headers.get(name)
    if (value) return value
  }
  return sessionInBody(request)
}

/** Fields that the model has no place for stand among the extensions of the client's dialect. */
function sessionInBody({ extensions, cacheKey, metadata, endUser }: ChatRequest): string | undefined {
  for (const bag of Object.values(extensions ?? {})) {
    const id = isObject(bag) ? bag['session_id'] : undefined
    if (typeof id === 'string' && id !== '') return id
  }
  const user = metadata?.['user_id']
  return cacheKey || (typeof user === 'string' && user) || endUser || undefined
}

/**
 * Targets in the order in which a conversation prefers them: rendezvous hashing. Every replica comes to the same order
 * without asking anybody; conversations are shared out by weight; and when a target goes away, only its own
 * conversations move, each to the one it prefers next.
 */
export function byConversation(conversation: string, targets: readonly Target[]): Target[] {
  const key = seedOf(conversation)
  return targets
    .map((target) => ({ target, distance: -Math.log(draw(key, routeSeed(target))) / target.weight }))
    .sort((a, b) => a.distance - b.distance)
    .map(({ target }) => target)
}

const routeSeeds = new WeakMap<Target, Seed>()

function routeSeed(target: Target): Seed {
  let seed = routeSeeds.get(target)
  if (!seed) routeSeeds.set(target, (seed = seedOf(target.route)))
  return seed
}

function seedOf(text: string): Seed {
  const digest = createHash('sha256').update(text).digest()
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)]
}

/** A number between 0 and 1, both excluded, that depends on every bit of both seeds. */
function draw([a, b]: Seed, [c, d]: Seed): number {
  const first = mixed(a ^ c)
  const second = mixed(first ^ b ^ d)
  const high = mixed(first ^ Math.imul(second, 0x9e3779b1)) >>> 0
  return (high * 2 ** 21 + (second >>> 11) + 0.5) / 2 ** 53
}

/** The last step of MurmurHash3: every bit of the input changes half of the output's. */
function mixed(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
