import type { Period } from './rule.ts'

const DAY_MILLISECONDS = 86_400_000

export interface Bounds {
  /** Milliseconds since 1970, both midnights in UTC. */
  from: number
  until: number
}

/** The calendar day, week (from Monday) or month in UTC that a moment belongs to. */
export function periodOf(period: Period, now: number): Bounds {
  const date = new Date(now)
  const year = date.getUTCFullYear()
  const month = date.getUTCMonth()
  if (period === 'month') return { from: Date.UTC(year, month, 1), until: Date.UTC(year, month + 1, 1) }
  const day = Date.UTC(year, month, date.getUTCDate())
  if (period === 'day') return { from: day, until: day + DAY_MILLISECONDS }
  const monday = day - ((date.getUTCDay() + 6) % 7) * DAY_MILLISECONDS
  return { from: monday, until: monday + 7 * DAY_MILLISECONDS }
}
