/** Dates of HTTP headers, without a clock. */

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const TIME = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})'
/** RFC 9110 §5.6.7: the form of today, RFC 850's, and that of `asctime`. */
const forms = [
  new RegExp(
    `^\\w+, (?<day>\\d{1,2})[ -](?<month>\\w{3})[ -](?<year>\\d{4}|\\d{2}) ${TIME} (?:GMT|UTC)$`,
    'i',
  ),
  new RegExp(`^\\w{3} (?<month>\\w{3}) {1,2}(?<day>\\d{1,2}) ${TIME} (?<year>\\d{4})$`, 'i'),
]

/** Seconds since 1970; undefined for what is no HTTP date. */
export function httpDate(text: string): number | undefined {
  const trimmed = text.trim()
  for (const form of forms) {
    const found = form.exec(trimmed)?.groups
    if (found) return secondsOf(found)
  }
  return undefined
}

function secondsOf(found: Readonly<Record<string, string>>): number | undefined {
  const month = months.indexOf((found['month'] ?? '').toLowerCase()) + 1
  const [day, hour, minute, second] = ['day', 'hour', 'minute', 'second'].map((name) => Number(found[name]))
  if (day === undefined || hour === undefined || minute === undefined || second === undefined)
    return undefined
  // A leap second is the 60th.
  if (month === 0 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return undefined
  const days = daysSince1970(fullYear(found['year'] ?? ''), month, day)
  return ((days * 24 + hour) * 60 + minute) * 60 + second
}

function fullYear(year: string): number {
  if (year.length === 4) return Number(year)
  return Number(year) + (Number(year) < 70 ? 2_000 : 1_900)
}

/** In the Gregorian calendar, with years that begin in March so that the leap day is their last. */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400)
  return shifted * 365 + leapDays + dayOfYear - 719_468
}
