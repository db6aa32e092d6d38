import { randomFillSync } from 'node:crypto'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const LENGTH = 24
/** Random bytes are drawn in bulk: one system call for a hundred ids. */
const pool = new Uint8Array(LENGTH * 128)
let used = pool.length

/** A fresh id of 24 base62 characters (at least 140 bits of it random). */
export function newId(): string {
  let id = ''
  while (id.length < LENGTH) {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    const byte = pool[used++] as number
    // 248 = 4 × 62: bytes beyond it would favour some characters.
    if (byte < 248) id += alphabet[byte % 62]
  }
  return id
}
