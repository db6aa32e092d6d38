const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):(\d\d))$/

/** Seconds since 1970 of an RFC 3339 timestamp, whole seconds; undefined when it is none. */
export function epochSeconds(timestamp: string): number | undefined {
  const found = TIMESTAMP.exec(timestamp)
  if (!found) return undefined
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1, 7).map(Number)
  const offset = Number(found[8] ?? 0) * 60 + Number(found[9] ?? 0)
  const zone = found[7] === '-' ? -offset : offset
  return daysSince1970(year, month, day) * 86400 + hours * 3600 + (minutes - zone) * 60 + seconds
}

/** Gregorian calendar: years counted from March, so that the leap day stands last. */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400)
  return shifted * 365 + leapDays + dayOfYear - 719468
}
