import { describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { administratorToken, checkedToken, TOKEN_SETTING, WeakToken } from './administrator-token.ts'
import { hashOf, newKey } from './key-format.ts'
import { countedRandom, MemorySettingStore } from './testing.ts'

const random = countedRandom()
const good = 'q7vR2-mKx0Zt8LwYdN4uHs6BcE1jPfGa'

test('is made at the first start, shown once, and kept as a hash alone', async () => {
  const settings = new MemorySettingStore()
  const made = await administratorToken(settings, {}, random)
  if (made.state !== 'made') return expect.unreachable()
  expect(made.token).toMatch(/^XJP_ADMIN_[A-Za-z0-9_-]{43}$/)
  expect([...settings.values]).toEqual([[TOKEN_SETTING, hashOf(made.token)]])
  expect(await administratorToken(settings, {}, random)).toEqual({ state: 'kept' })
  // What we make ourselves may be set by hand later.
  expect(checkedToken({ XJP_ADMIN_TOKEN: made.token })).toBe(made.token)
})

test('of several replicas that start together exactly one makes it', async () => {
  const settings = new MemorySettingStore()
  const all = await Promise.all(Array.from({ length: 10 }, () => administratorToken(settings, {}, random)))
  expect(all.filter(({ state }) => state === 'made')).toHaveLength(1)
})

test('the environment’s is taken and replaces the kept one', async () => {
  const settings = new MemorySettingStore()
  await administratorToken(settings, {}, random)
  expect(await administratorToken(settings, { XJP_ADMIN_TOKEN: good }, random)).toEqual({
    state: 'from-environment',
  })
  expect(settings.values.get(TOKEN_SETTING)).toBe(hashOf(good))
})

describe('promise I10: weak, empty and published tokens are refused', () => {
  const weak = [
    '',
    ' ',
    'sk-1234',
    'admin',
    'secret',
    'changeme',
    'password',
    'a'.repeat(32),
    'ab'.repeat(16),
    'abc'.repeat(11),
    Buffer.alloc(16, 0).toString('hex'),
    Buffer.alloc(16, 0xab).toString('hex'),
    Buffer.alloc(16, 0x7f).toString('base64'),
    '0123456789abcdef0123456789abcdef',
    'abcdefghijklmnopqrstuvwxyz',
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345',
    '12345678901234567890123456789012',
    '98765432109876543210987654321098',
    'correct horse battery staple correct',
    'XJP_ADMIN_',
    'XJP_ADMIN_example',
    'XJP_ADMIN_change-me-please-1234567890',
    'XJP_ADMIN_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
    'your-secret-token-goes-in-here-42',
    'my_admin_token_for_the_gateway_9z',
    'please-replace-this-value-soon-77',
    'qwertyuiopasdfghjklzxcvbnm1234567',
    'deadbeefcafebabe1357924680fedcba',
    'short-q7vR2mKx0',
    `${good}\n`,
    `${good}密`,
    newKey(countedRandom(3)),
    'aaaaaaaabbbbbbbbccccccccddddddddee',
    'super-secret-password-2026-gateway',
  ]
  test.each(weak)('%p', (token) => {
    expect(() => checkedToken({ XJP_ADMIN_TOKEN: token })).toThrow(WeakToken)
    if (token.length >= 15) expect(() => checkedToken({ XJP_ADMIN_TOKEN: token })).not.toThrow(token)
  })

  test('before the store is asked', async () => {
    const settings = new MemorySettingStore()
    settings.get = () => expect.unreachable()
    await expect(administratorToken(settings, { XJP_ADMIN_TOKEN: 'admin' }, random)).rejects.toThrow(
      WeakToken,
    )
  })

  test('random ones are taken', () => {
    const forms = [
      () => randomBytes(18).toString('base64'),
      () => randomBytes(24).toString('base64url'),
      () => randomBytes(16).toString('hex'),
      () => randomBytes(32).toString('hex'),
      () => crypto.randomUUID(),
    ]
    for (const form of forms)
      for (let count = 0; count < 2_000; count++) {
        const token = form()
        expect(checkedToken({ XJP_ADMIN_TOKEN: token })).toBe(token)
      }
  })
})
