import { tenantNames } from '../config/schema-tenancy.ts'
import { scopeFault, tidyScopes } from '../keys/scopes.ts'
import type { KeyLimits } from '../store/ports/keys.ts'
import { parseDollars } from '../usage/money.ts'
import { type Flags, type ParsedArguments, UsageError } from './arguments.ts'

type CountName = Exclude<keyof KeyLimits, `budget${string}`>
type BudgetName = Extract<keyof KeyLimits, `budget${string}`>

/** Flag → member of the limits, and its name in JSON. */
export const counts: readonly { flag: string; member: CountName; json: string; unit: string }[] = [
  { flag: 'rpm', member: 'requestsPerMinute', json: 'rate_limit_rpm', unit: 'requests a minute' },
  { flag: 'burst', member: 'burst', json: 'burst_size', unit: 'at once' },
  { flag: 'rpd', member: 'requestsPerDay', json: 'rate_limit_rpd', unit: 'requests a day' },
  { flag: 'tpm', member: 'tokensPerMinute', json: 'rate_limit_tpm', unit: 'tokens a minute' },
  { flag: 'quota-tokens-daily', member: 'tokensPerDay', json: 'quota_tokens_daily', unit: 'tokens a day' },
  { flag: 'concurrency', member: 'concurrency', json: 'concurrency', unit: 'calls open' },
]
export const budgets: readonly { flag: string; member: BudgetName; json: string; unit: string }[] = [
  { flag: 'budget-daily', member: 'budgetPerDay', json: 'budget_daily', unit: 'a day' },
  { flag: 'budget-weekly', member: 'budgetPerWeek', json: 'budget_weekly', unit: 'a week' },
  { flag: 'budget-monthly', member: 'budgetPerMonth', json: 'budget_monthly', unit: 'a month' },
]

/** What a key can be given, and later be changed. */
export const keyFlags: Flags = {
  description: { value: 'a text' },
  scopes: {
    value: 'names of models, target:…, region:…, price:…, separated by commas (* stands for any characters)',
  },
  ...Object.fromEntries(counts.map(({ flag }) => [flag, { value: 'a whole number' }])),
  ...Object.fromEntries(budgets.map(({ flag }) => [flag, { value: 'US dollars' }])),
  expires: { value: 'a time such as 2027-01-31 or 2027-01-31T12:00:00Z' },
  tag: { value: 'name=value', repeats: true },
}

/** What the flags say; an absent member was not mentioned, `null` was taken away (`none`). */
export interface KeyWords {
  description?: string
  scopes?: string[]
  limits: { [Name in keyof KeyLimits]?: KeyLimits[Name] | null }
  unlimitedRequests?: boolean
  expiresAt?: number | null
  tags?: Record<string, string>
}

const NONE = 'none'
const UNLIMITED = 'unlimited'
const LARGEST = 1_000_000_000_000
const DOLLARS = /^(0|[1-9]\d{0,8})(\.\d{1,6})?$/

/** Reads the flags of a key. Throws `UsageError` with the flag and what was expected. */
export function keyWords(parsed: ParsedArguments): KeyWords {
  const words: KeyWords = { limits: {} }
  for (const { flag, member } of counts) {
    const text = parsed.text(flag)
    if (text === undefined) continue
    if (member === 'requestsPerMinute') words.unlimitedRequests = text === UNLIMITED
    words.limits[member] = text === NONE || text === UNLIMITED ? null : wholeNumber(flag, text)
  }
  for (const { flag, member } of budgets) {
    const text = parsed.text(flag)
    if (text !== undefined) words.limits[member] = text === NONE ? null : dollars(flag, text)
  }
  const description = parsed.text('description')
  if (description !== undefined) words.description = shortText('description', description)
  const scopes = parsed.text('scopes')
  if (scopes !== undefined) words.scopes = scopesOf(scopes)
  const expires = parsed.text('expires')
  if (expires !== undefined) words.expiresAt = expires === NONE ? null : time('expires', expires)
  const tags = parsed.values.get('tag')
  if (tags !== undefined) words.tags = tagsOf(tags)
  return words
}

function wrong(flag: string, expected: string, given: string): UsageError {
  return new UsageError(`--${flag}: expected ${expected}, got ${JSON.stringify(given.slice(0, 80))}`)
}

function wholeNumber(flag: string, text: string): number {
  const number = Number(text)
  if (/^\d{1,13}$/.test(text) && number >= 1 && number <= LARGEST) return number
  throw wrong(flag, `a whole number from 1 to ${LARGEST}, or ${flag === 'rpm' ? UNLIMITED : NONE}`, text)
}

function dollars(flag: string, text: string): bigint {
  if (DOLLARS.test(text)) return parseDollars(text)
  throw wrong(flag, 'US dollars with at most six decimal places, such as 12.5', text)
}

export function tenantName(text: string): string {
  if (new RegExp(tenantNames.pattern).test(text)) return text
  throw wrong('tenant', tenantNames.expected, text)
}

function shortText(flag: string, text: string): string {
  if (text.length <= 500) return text
  throw wrong(flag, 'at most 500 characters', text)
}

/** `*` among the models: every model, which is the same as none of them. */
function scopesOf(text: string): string[] {
  const scopes = text.split(',').map((scope) => scope.trim())
  for (const scope of scopes) {
    const fault = scopeFault(scope)
    if (fault !== undefined) throw wrong('scopes', `${fault}; scopes are separated by commas`, text)
  }
  return tidyScopes(scopes)
}

const DATE = /^\d{4}-\d{2}-\d{2}$/
const MOMENT = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:?\d{2})?$/i

/** A date is its first moment; without a zone it is UTC. */
function time(flag: string, text: string): number {
  const isDate = DATE.test(text)
  const zoned = /(Z|[+-]\d{2}:?\d{2})$/i.test(text.slice(10))
  const at = Date.parse(isDate ? `${text}T00:00:00Z` : `${text.replace(' ', 'T')}${zoned ? '' : 'Z'}`)
  const day = Number(text.slice(8, 10))
  const exists = new Date(Date.parse(`${text.slice(0, 10)}T00:00:00Z`)).getUTCDate() === day
  if ((isDate || MOMENT.test(text)) && Number.isFinite(at) && exists) return at
  throw wrong(flag, 'a time such as 2027-01-31 or 2027-01-31T12:00:00Z', text)
}

function tagsOf(texts: readonly string[]): Record<string, string> {
  const tags = new Map<string, string>()
  for (const text of texts) {
    const [, name, value] = /^([A-Za-z0-9][\w.-]{0,63})=([^\p{Cc}]{0,256})$/u.exec(text) ?? []
    if (name === undefined || value === undefined)
      throw wrong('tag', 'name=value with a name of letters, digits and . _ -', text)
    tags.set(name, value)
  }
  return Object.fromEntries(tags)
}

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const LONGEST_GRACE = 366 * 86_400_000

/** `24h`, `30m`, `7d`, `0`: milliseconds. */
export function duration(flag: string, text: string): number {
  const [, amount, unit = ''] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? []
  const factor = units[unit]
  const milliseconds = amount === undefined ? undefined : Number(amount) * (factor ?? 0)
  const isPlainZero = amount !== undefined && Number(amount) === 0
  if (milliseconds !== undefined && (factor !== undefined || isPlainZero) && milliseconds <= LONGEST_GRACE)
    return milliseconds
  throw wrong(flag, 'a time such as 24h, 30m, 7d or 0 (at most 366d)', text)
}
