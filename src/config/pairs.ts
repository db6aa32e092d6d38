/**
 * Pairs as OpenTelemetry writes them in its variables: `name=value,other=value`, values percent-encoded. Undefined
 * when the text is something else. A value is of printable characters, so that it can be a header.
 */
export function pairsOf(text: string): Record<string, string> | undefined {
  const pairs: Record<string, string> = Object.create(null) as Record<string, string>
  for (const piece of text.split(',')) {
    if (piece.trim() === '') continue
    const at = piece.indexOf('=')
    const name = piece.slice(0, Math.max(0, at)).trim()
    const value = decoded(piece.slice(at + 1).trim())
    if (!NAME.test(name) || value === undefined || !VALUE.test(value)) return undefined
    pairs[name] = value
  }
  return pairs
}

export const PAIRS = 'pairs of the form name=value, separated by commas'

const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const VALUE = /^[^\p{Cc}\p{Surrogate}]*$/u

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
