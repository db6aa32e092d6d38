/** The most bytes one UTF-16 unit takes in a line of JSON: `\u0007`. */
const BYTES_PER_UNIT = 6
const MORE = '…'

/** The text, or as much of its beginning as takes so many bytes in a line of JSON. */
export function fitting(text: string, bytes: number): string {
  if (text.length * BYTES_PER_UNIT <= bytes || bytesOf(text) <= bytes) return text
  let low = 0
  let high = Math.min(text.length, bytes)
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (bytesOf(text.slice(0, middle)) + MORE.length <= bytes) low = middle
    else high = middle - 1
  }
  return text.slice(0, low).replace(/[\ud800-\udbff]$/, '') + MORE
}

/** The first texts that fit into so many bytes together, and how many more there are. */
export function listed(texts: readonly string[], bytes: number): string[] {
  const shown: string[] = []
  let left = bytes
  for (const text of texts) {
    const part = fitting(text, bytes)
    left -= bytesOf(part)
    if (left < 0) return [...shown, `… ${texts.length - shown.length} more`]
    shown.push(part)
  }
  return shown
}

/** Control characters that JSON leaves as they are the log writes as escapes too. */
const escapedToo = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

function bytesOf(text: string): number {
  return Buffer.byteLength(JSON.stringify(text).replace(escapedToo, '000000')) - 2
}
