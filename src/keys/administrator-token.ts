import type { SettingStore } from '../store/ports/keys.ts'
import { hashOf, isKey, type Random } from './key-format.ts'

/** Sets the token in place of a made one. */
export const TOKEN_VARIABLE = 'XJP_ADMIN_TOKEN'
/** The setting that holds its SHA-256; the token itself is nowhere. */
export const TOKEN_SETTING = 'administrator_token_sha256'

const PREFIX = 'XJP_ADMIN_'
const RANDOM_BYTES = 32
const SHORTEST = 24
const FEWEST_DIFFERENT = 8
/** Shannon's measure over the characters; 24 random ones of base64url have about 100. */
const LEAST_BITS = 72

/** How the token came to be: `made` has to be shown, once; the others are known to whoever set them. */
export type AdministratorToken =
  | { state: 'made'; token: string }
  | { state: 'from-environment' }
  | { state: 'kept' }

/** A token that must not be used, in words for the operator; the program ends with 2. */
export class WeakToken extends Error {
  constructor(why: string) {
    super(
      `${TOKEN_VARIABLE} ${why}. Leave it unset, and a token is made and shown at the first start; or set it to a random one, such as "openssl rand -base64 32" gives.`,
    )
    this.name = 'WeakToken'
  }
}

/**
 * Sees to it that there is an administrator token. `environment` wins and replaces what was kept; else the kept one
 * stays; else one is made, by exactly one of several replicas. Throws `WeakToken` before the store is asked; rejects
 * with `StoreUnavailable` when the store cannot be asked: then again later.
 */
export async function administratorToken(
  settings: SettingStore,
  environment: Readonly<Record<string, string | undefined>>,
  random: Random,
): Promise<AdministratorToken> {
  const given = checkedToken(environment)
  if (given !== undefined) {
    const hash = hashOf(given)
    if ((await settings.get(TOKEN_SETTING)) !== hash) await settings.set(TOKEN_SETTING, hash)
    return { state: 'from-environment' }
  }
  if ((await settings.get(TOKEN_SETTING)) !== undefined) return { state: 'kept' }
  const token = PREFIX + Buffer.from(random(RANDOM_BYTES)).toString('base64url')
  return (await settings.setIfAbsent(TOKEN_SETTING, hashOf(token)))
    ? { state: 'made', token }
    : { state: 'kept' }
}

/** The token of the environment, undefined when the variable is not set. Throws `WeakToken`; asks nobody. */
export function checkedToken(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const token = environment[TOKEN_VARIABLE]
  if (token === undefined) return undefined
  const weakness = weaknesses.find(({ applies }) => applies(token))
  if (weakness) throw new WeakToken(weakness.why)
  return token
}

/** Words of tokens that stand in instructions. A random token of base64url has one of them once in 10⁹. */
const published =
  /example|change[-_]?(?:me|this|it)|password|passw0rd|placeholder|replace|letmein|qwerty|administrator|(?:your|my|the|admin|test|demo|super|top)[-_]?(?:secret|token|admin|key)|secret[-_]?(?:key|token)|0123456|1234567|abcdefg|deadbeef|default/i

const weaknesses: readonly { applies(token: string): boolean; why: string }[] = [
  { applies: (token) => token.trim() === '', why: 'is set but empty' },
  {
    applies: (token) => !/^[\x21-\x7e]+$/.test(token),
    why: 'has spaces or characters that cannot stand in a header',
  },
  { applies: (token) => published.test(withoutPrefix(token)), why: 'is a value that stands in instructions' },
  {
    applies: (token) => withoutPrefix(token).length < SHORTEST,
    why: `is too short: at least ${SHORTEST} characters`,
  },
  { applies: (token) => isPeriodic(withoutPrefix(token)), why: 'repeats itself' },
  {
    applies: (token) => isRun(withoutPrefix(token)),
    why: 'is a row of neighbouring characters',
  },
  {
    applies: (token) =>
      new Set(withoutPrefix(token)).size < FEWEST_DIFFERENT || bits(withoutPrefix(token)) < LEAST_BITS,
    why: 'is too easy to guess: too few different characters',
  },
  { applies: isKey, why: 'is a key for calls: the administrator’s token must be another' },
]

/** What everybody knows of a made token says nothing about its strength. */
function withoutPrefix(token: string): string {
  return token.startsWith(PREFIX) ? token.slice(PREFIX.length) : token
}

/** Whether a piece that comes at least twice fills it; the last repetition may be cut. */
function isPeriodic(text: string): boolean {
  for (let period = 1; period <= text.length / 2; period++)
    if (text.slice(period) === text.slice(0, text.length - period)) return true
  return false
}

/** Whether most characters are the neighbour of the one before, or the same. */
function isRun(text: string): boolean {
  let steps = 0
  for (let index = 1; index < text.length; index++)
    if (Math.abs(text.charCodeAt(index) - text.charCodeAt(index - 1)) <= 1) steps += 1
  return steps > text.length / 2
}

function bits(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let sum = 0
  for (const count of counts.values()) sum -= count * Math.log2(count / text.length)
  return sum
}
