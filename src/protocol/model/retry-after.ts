import { httpDate } from './http-date.ts'

/** How long an upstream asks to wait. */

/** A header's value by its lower-case name. */
export type Header = (name: string) => string | null

/** However long it says: numbers beyond this are no times any more. */
const LONGEST_SECONDS = 365 * 86_400

/**
 * Seconds from `retry-after-ms` or `retry-after`: a number, a duration with its unit, or a date, which counts from the
 * answer's own `date` so that neither clock has to be right. Of several the longest; undefined for anything else.
 */
export function retryAfter(header: Header): number | undefined {
  const milliseconds = seconds(header('retry-after-ms'))
  if (milliseconds !== undefined) return milliseconds / 1000
  const text = header('retry-after')
  return seconds(text) ?? untilDate(text, header('date'))
}

function seconds(value: string | null): number | undefined {
  if (value === null) return undefined
  let longest: number | undefined
  for (const part of value.split(',')) {
    const text = part.trim()
    const one = /^\d+(\.\d+)?$/.test(text) ? Number(text) : duration(text)
    if (one === undefined) return undefined
    longest = Math.min(LONGEST_SECONDS, Math.max(longest ?? 0, one))
  }
  return longest
}

/** None for a date that is over. */
function untilDate(text: string | null, sent: string | null): number | undefined {
  const [until, from] = [httpDate(text ?? ''), httpDate(sent ?? '')]
  if (until === undefined || from === undefined) return undefined
  return Math.min(LONGEST_SECONDS, Math.max(0, until - from))
}

const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 }

/** A duration such as `6m0s`, `1.5s`, `20ms`, in seconds. */
export function duration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  const pieces = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  return pieces.reduce((sum, [, amount = '0', unit = 's']) => sum + Number(amount) * (units[unit] ?? 0), 0)
}
