import type { Snapshot, TenantSettings } from '../config/snapshot.ts'
import type { KeyLimits, KeyRecord } from '../store/ports/keys.ts'
import type { MoneyScope } from '../store/ports/shared-state.ts'
import { formatDollars, parseDollars } from '../usage/money.ts'
import type { Measure, Period, Rule } from './rule.ts'

/** What a key may make a minute when nobody said a number. */
const DEFAULT_REQUESTS_PER_MINUTE = 60
export const MINUTE_MILLISECONDS = 60_000
export const DAY_MILLISECONDS = 86_400_000

/** The limits of one key in one configuration, worked out once. */
export interface Plan {
  readonly rules: readonly Rule[]
  /** Whether every claim is the same for every call. */
  readonly fixed: boolean
}

const byKey = new WeakMap<Snapshot, WeakMap<KeyRecord, Plan>>()
const byTenant = new WeakMap<Snapshot, Map<string, Plan>>()

/** The limits of a caller; undefined when there are none. */
export function planFor(snapshot: Snapshot, tenant: string, key: KeyRecord | undefined): Plan | undefined {
  if (key) return keyPlan(snapshot, key)
  return snapshot.tenants[tenant] ? tenantPlan(snapshot, tenant) : undefined
}

function keyPlan(snapshot: Snapshot, key: KeyRecord): Plan | undefined {
  let plans = byKey.get(snapshot)
  if (!plans) byKey.set(snapshot, (plans = new WeakMap()))
  let plan = plans.get(key)
  if (!plan)
    plans.set(key, (plan = toPlan([...keyRules(snapshot, key), ...tenantRules(snapshot, key.tenant)])))
  return plan.rules.length > 0 ? plan : undefined
}

function tenantPlan(snapshot: Snapshot, tenant: string): Plan | undefined {
  let plans = byTenant.get(snapshot)
  if (!plans) byTenant.set(snapshot, (plans = new Map()))
  let plan = plans.get(tenant)
  if (!plan) plans.set(tenant, (plan = toPlan(tenantRules(snapshot, tenant))))
  return plan.rules.length > 0 ? plan : undefined
}

function toPlan(rules: readonly Rule[]): Plan {
  return { rules, fixed: rules.every(({ measure }) => measure.type === 'fixed') }
}

function keyRules(snapshot: Snapshot, key: KeyRecord): Rule[] {
  const { limits } = key
  const settings = snapshot.tenants[key.tenant]
  const general = snapshot.rateLimiting
  const own = limits.requestsPerMinute ?? settings?.rpm
  const requestsPerMinute = key.unlimitedRequests
    ? undefined
    : (own ?? general?.defaultRpm ?? DEFAULT_REQUESTS_PER_MINUTE)
  const burst = limits.burst ?? (own === undefined ? general?.burstSize : undefined)
  return rulesOf(
    'key',
    `k:${key.id}`,
    { tenant: key.tenant, keyId: key.id },
    { ...limits, requestsPerMinute, burst },
  )
}

function tenantRules(snapshot: Snapshot, tenant: string): Rule[] {
  const settings = snapshot.tenants[tenant]
  return settings ? rulesOf('tenant', `t:${tenant}`, { tenant }, tenantLimits(settings)) : []
}

function tenantLimits(settings: TenantSettings): Possible {
  return {
    requestsPerMinute: settings.rpm,
    burst: settings.burstSize,
    requestsPerDay: settings.rpd,
    tokensPerMinute: settings.tpm,
    tokensPerDay: settings.quotaTokensDaily,
    concurrency: settings.concurrency,
    budgetPerDay: money(settings.budgetDaily),
    budgetPerWeek: money(settings.budgetWeekly),
    budgetPerMonth: money(settings.budgetMonthly),
  }
}

function money(text: string | undefined): bigint | undefined {
  return text === undefined ? undefined : parseDollars(text)
}

type Possible = { [Name in keyof KeyLimits]: KeyLimits[Name] | undefined }

/** One limit as a row: what is said of it, and how it is counted. */
interface Row {
  code: keyof typeof codes
  category: Rule['category']
  text: string
  quota?: boolean
  measure: Measure
}

/** Stable codes for programs, by the name of the limit. */
const codes = {
  requestsPerMinute: 'requests_per_minute',
  burst: 'request_burst',
  requestsPerDay: 'requests_per_day',
  tokensPerMinute: 'tokens_per_minute',
  tokensPerDay: 'tokens_per_day',
  concurrency: 'concurrency',
  budgetPerDay: 'budget_per_day',
  budgetPerWeek: 'budget_per_week',
  budgetPerMonth: 'budget_per_month',
} as const

function rulesOf(owner: Rule['owner'], name: string, scope: MoneyScope, limits: Possible): Rule[] {
  const rows: (Row | undefined)[] = [
    ...requestRows(name, limits),
    tokens('tokensPerMinute', `${name}:tpm`, limits.tokensPerMinute, 'minute'),
    tokens('tokensPerDay', `${name}:tpd`, limits.tokensPerDay, 'day'),
    budget('budgetPerDay', name, scope, limits.budgetPerDay, 'day'),
    budget('budgetPerWeek', name, scope, limits.budgetPerWeek, 'week'),
    budget('budgetPerMonth', name, scope, limits.budgetPerMonth, 'month'),
    slots(`${name}:slots`, limits.concurrency),
  ]
  return rows.flatMap((row): Rule[] => {
    if (!row) return []
    const { code, category, text, quota = false, measure } = row
    return [{ owner, category, text, quota, measure, code: codes[code] }]
  })
}

function requestRows(name: string, limits: Possible): (Row | undefined)[] {
  const { requestsPerMinute: perMinute, requestsPerDay: perDay, burst } = limits
  return [
    perMinute === undefined
      ? undefined
      : requests('requestsPerMinute', `${name}:rpm`, perMinute, 'minute', MINUTE_MILLISECONDS),
    // A burst that the minute would not let through anyway is no limit of its own.
    perMinute === undefined || burst === undefined || burst >= perMinute
      ? undefined
      : {
          code: 'burst',
          category: 'requests',
          text: `${counted(burst, 'request')} at once`,
          measure: { type: 'fixed', claim: { kind: 'burst', name: `${name}:burst`, perMinute, burst } },
        },
    perDay === undefined
      ? undefined
      : { ...requests('requestsPerDay', `${name}:rpd`, perDay, 'day', DAY_MILLISECONDS), quota: true },
  ]
}

function requests(code: Row['code'], name: string, limit: number, unit: string, windowMs: number): Row {
  return {
    code,
    category: 'requests',
    text: `${counted(limit, 'request')} a ${unit}`,
    measure: { type: 'fixed', claim: { kind: 'window', name, limit, amount: 1, windowMs } },
  }
}

function tokens(
  code: Row['code'],
  name: string,
  limit: number | undefined,
  unit: 'minute' | 'day',
): Row | undefined {
  if (limit === undefined) return undefined
  const windowMs = unit === 'minute' ? MINUTE_MILLISECONDS : DAY_MILLISECONDS
  return {
    code,
    category: 'tokens',
    text: `${counted(limit, 'token')} a ${unit}`,
    quota: unit === 'day',
    measure: { type: 'tokens', name, limit, windowMs },
  }
}

function budget(
  code: Row['code'],
  name: string,
  scope: MoneyScope,
  limit: bigint | undefined,
  period: Period,
): Row | undefined {
  if (limit === undefined) return undefined
  return {
    code,
    category: 'budgets',
    text: `${formatDollars(limit)} US dollars a ${period}`,
    quota: true,
    measure: { type: 'money', name: `${name}:$${period}`, limit, period, scope },
  }
}

function slots(name: string, limit: number | undefined): Row | undefined {
  if (limit === undefined) return undefined
  return {
    code: 'concurrency',
    category: 'requests',
    text: `${counted(limit, 'call')} open at the same time`,
    measure: { type: 'fixed', claim: { kind: 'slot', name, limit } },
  }
}

function counted(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`
}
