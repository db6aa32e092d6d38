const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Base64 (either alphabet, spaces ignored) as UTF-8 text; undefined when it is not base64 or not UTF-8. */
export function textOfBase64(data: string): string | undefined {
  const escaped: string[] = []
  let bits = 0
  let held = 0
  for (const character of data) {
    if (character === '=' || character === '\n' || character === '\r' || character === ' ') continue
    const value = ALPHABET.indexOf(character === '-' ? '+' : character === '_' ? '/' : character)
    if (value < 0) return undefined
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    escaped.push(`%${((held >> bits) & 0xff).toString(16).padStart(2, '0')}`)
  }
  try {
    return decodeURIComponent(escaped.join(''))
  } catch {
    return undefined
  }
}
