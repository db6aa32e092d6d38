import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** Gives so many random bytes; injected, so that tests know what comes. */
export type Random = (bytes: number) => Uint8Array

/** What every key begins with. */
const PREFIX = 'XJP_'
const SECRET_BYTES = 32
/** 32 bytes in base64url without padding. */
const SECRET_LENGTH = 43
const CHECKSUM_LENGTH = 6
const CHECKED_LENGTH = PREFIX.length + SECRET_LENGTH
const LENGTH = CHECKED_LENGTH + CHECKSUM_LENGTH
const SHOWN_LENGTH = 8
const ID_LENGTH = 20

const [ZERO, GREAT_A, SMALL_A] = [48, 65, 97]
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const shape = /^XJP_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}$/

/** A new key: `XJP_`, 32 random bytes in base64url, and six characters that a mistake hardly ever leaves right. */
export function newKey(random: Random): string {
  const checked = PREFIX + Buffer.from(random(SECRET_BYTES)).toString('base64url')
  return checked + checksum(checked)
}

/** Whether a text can be a key at all. Nonsense and slips of the pen are known without asking any store. */
export function isKey(text: string): boolean {
  if (text.length !== LENGTH || !shape.test(text)) return false
  let written = 0
  for (let at = CHECKED_LENGTH; at < LENGTH; at++) written = written * 62 + digitAt(text, at)
  return written === crc32(text.slice(0, CHECKED_LENGTH))
}

/** What a base62 digit is worth. Each call comes by here, so it is counted and not looked up. */
function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code >= SMALL_A) return code - SMALL_A + 36
  return code >= GREAT_A ? code - GREAT_A + 10 : code - ZERO
}

/** CRC-32 in base62, six digits. No secret: it proves nothing but that the text was copied whole. */
function checksum(text: string): string {
  let rest = crc32(text)
  let written = ''
  for (let place = 0; place < CHECKSUM_LENGTH; place++) {
    written = digits[rest % 62] + written
    rest = Math.floor(rest / 62)
  }
  return written
}

/** SHA-256 of a whole key, 64 hexadecimal digits. 256 random bits need no salt and no slow function. */
export function hashOf(key: string): string {
  return hash('sha256', key, 'hex')
}

/** What people may see of a key. */
export function shownOf(key: string): string {
  return key.slice(0, SHOWN_LENGTH)
}

/** `key_` and 20 letters and digits (119 random bits). */
export function newKeyId(random: Random): string {
  let id = 'key_'
  while (id.length < 4 + ID_LENGTH)
    for (const byte of random(ID_LENGTH)) {
      // 248 = 4 × 62: bytes beyond it would favour some characters.
      if (byte < 248 && id.length < 4 + ID_LENGTH) id += digits[byte % 62]
    }
  return id
}
