import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { hashOf, isKey, newKey, newKeyId, shownOf } from './key-format.ts'
import { countedRandom } from './testing.ts'

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
const keys = bytes.map((secret) => newKey(() => secret))

describe('a key', () => {
  test('has the documented form', () => {
    const key = newKey(() => new Uint8Array(32))
    expect(key).toBe(`XJP_${'A'.repeat(43)}${key.slice(47)}`)
    expect(key).toHaveLength(53)
    expect(key.slice(47)).toMatch(/^[0-9A-Za-z]{6}$/)
    expect(shownOf(key)).toBe('XJP_AAAA')
  })

  test('is known as one, whatever its bytes are', () => {
    fc.assert(
      fc.property(keys, (key) => isKey(key)),
      { numRuns: 2_000 },
    )
  })

  test('holds the 32 bytes it was made of', () => {
    fc.assert(
      fc.property(bytes, (secret) =>
        Buffer.from(newKey(() => secret).slice(4, 47), 'base64url').equals(Buffer.from(secret)),
      ),
    )
  })

  test('with one character changed, two swapped, one lost or one too many is none', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    fc.assert(
      fc.property(
        keys,
        fc.nat(52),
        fc.constantFrom(...alphabet),
        fc.constantFrom('replace', 'swap', 'drop', 'add'),
        (key, at, character, slip) => {
          const slips = {
            replace: key.slice(0, at) + character + key.slice(at + 1),
            swap: key.slice(0, at) + (key[at + 1] ?? '') + key[at] + key.slice(at + 2),
            drop: key.slice(0, at) + key.slice(at + 1),
            add: key.slice(0, at) + character + key.slice(at),
          }
          const slipped = slips[slip]
          return slipped === key || !isKey(slipped)
        },
      ),
      { numRuns: 20_000 },
    )
  })

  const others: [string, string][] = [
    ['nothing', ''],
    ['another vendor’s', 'sk-ant-REDACTED'],
    ['the documents’ example', 'XJP_test_key'],
    ['the prefix in small letters', newKey(countedRandom()).replace('XJP_', 'xjp_')],
    ['a line break behind it', `${newKey(countedRandom())}\n`],
    ['a whole megabyte', 'XJP_'.repeat(250_000)],
  ]
  test.each(others)('%s is none', (_name, text) => expect(isKey(text)).toBe(false))
})

test('the hash is SHA-256 in hexadecimal', () => {
  fc.assert(
    fc.property(fc.string(), (text) => hashOf(text) === createHash('sha256').update(text).digest('hex')),
  )
})

test('ids are harmless and do not repeat', () => {
  const random = countedRandom()
  const ids = new Set(Array.from({ length: 10_000 }, () => newKeyId(random)))
  expect(ids.size).toBe(10_000)
  for (const id of ids) expect(id).toMatch(/^key_[0-9A-Za-z]{20}$/)
})
