import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { blindName, seal, unseal } from './seal.ts'

test('what was sealed opens with its secret and with no other', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.uint8Array({ maxLength: 300 }), (secret, other, plain) => {
      const sealed = seal(secret, plain)
      expect(unseal(secret, sealed)).toEqual(Buffer.from(plain))
      if (other !== secret) expect(unseal(other, sealed)).toBeUndefined()
    }),
    { numRuns: 500, seed: 5 },
  )
})

test('what was changed or cut does not open', () => {
  const sealed = seal('secret', Buffer.from('content'))
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(unseal('secret', changed)).toBeUndefined()
    expect(unseal('secret', sealed.subarray(0, at))).toBeUndefined()
  }
})

test('the same content is never sealed alike, the same name always is', () => {
  expect(seal('s', Buffer.from('c')).equals(seal('s', Buffer.from('c')))).toBe(false)
  expect(blindName('s')).toBe(blindName('s'))
  expect(blindName('s')).toMatch(/^[\w-]{43}$/)
  expect(blindName('s')).not.toBe(blindName('S'))
})
