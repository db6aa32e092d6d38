/** Base64 without a runtime's codecs. Payloads stay text all the way; only what must be read is ever decoded. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

const SKIPPED = -1
const ILLEGAL = -2

/** Character code → its six bits; both alphabets, white space and padding skipped. */
const sextets = new Int8Array(128).fill(ILLEGAL)
for (const [value, character] of [...ALPHABET].entries()) sextets[character.charCodeAt(0)] = value
sextets['-'.charCodeAt(0)] = ALPHABET.indexOf('+')
sextets['_'.charCodeAt(0)] = ALPHABET.indexOf('/')
for (const character of '= \t\r\n\f\v') sextets[character.charCodeAt(0)] = SKIPPED

/**
 * Base64 in its standard spelling, whatever it was written in: white space, the URL-safe alphabet, percent-escapes of a
 * URL, missing padding. One scan where there is nothing to do; not checked.
 */
export function tidyBase64(data: string): string {
  if (data.length % 4 === 0 && !/[\s_%-]/.test(data)) return data
  const standard = data
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\s+/g, '')
    .replaceAll('-', '+')
    .replaceAll('_', '/')
  const body = standard.replace(/={1,2}$/, '')
  return body + '='.repeat((4 - (body.length % 4)) % 4)
}

/** The same, checked: undefined when it is not base64. */
export function cleanBase64(data: string): string | undefined {
  const tidy = tidyBase64(data)
  return /^[A-Za-z0-9+/]*={0,2}$/.test(tidy) ? tidy : undefined
}

/** The bytes behind base64 in either alphabet, white space and padding ignored; undefined when it is not base64. */
export function bytesOfBase64(data: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.ceil((data.length * 3) / 4))
  let length = 0
  let held = 0
  let bits = 0
  for (let index = 0; index < data.length; index += 1) {
    const value = sextets[data.charCodeAt(index)] ?? ILLEGAL
    if (value === ILLEGAL) return undefined
    if (value === SKIPPED) continue
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[length] = (held >> bits) & 0xff
    length += 1
  }
  return bytes.subarray(0, length)
}

const percentEncoded: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `%${byte.toString(16).padStart(2, '0')}`,
)

/** Base64 as UTF-8 text; undefined when it is not base64 or not UTF-8. */
export function textOfBase64(data: string): string | undefined {
  const bytes = bytesOfBase64(data)
  if (bytes === undefined) return undefined
  let escaped = ''
  for (const byte of bytes) escaped += percentEncoded[byte]
  try {
    return decodeURIComponent(escaped)
  } catch {
    return undefined
  }
}

/** Bytes as standard, padded base64. */
export function base64OfBytes(bytes: ArrayLike<number>): string {
  let text = ''
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index
    const group = ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0)
    text += ALPHABET.charAt(group >> 18) + ALPHABET.charAt((group >> 12) & 63)
    text += left > 1 ? ALPHABET.charAt((group >> 6) & 63) : '='
    text += left > 2 ? ALPHABET.charAt(group & 63) : '='
  }
  return text
}
