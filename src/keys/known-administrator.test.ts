import { describe, expect, test } from 'bun:test'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import { TOKEN_SETTING, WeakToken } from './administrator-token.ts'
import { hashOf } from './key-format.ts'
import { KnownAdministrator } from './known-administrator.ts'
import { MemorySettingStore } from './testing.ts'

const TOKEN = 'k3Vd9-xQm2Lz7Rt0WbYp5Hs8NcJf4GuE'
const OTHER = 'Zp8-tRq1Nv6Xw3Ly9Kd0Bm5Cs2Hf7JgA'

class Settings extends MemorySettingStore {
  isAway = false

  override get(name: string): Promise<string | undefined> {
    return this.isAway ? Promise.reject(new StoreUnavailable('database', 'away')) : super.get(name)
  }
}

describe('of the environment', () => {
  test('is known at once, and the store is not asked', async () => {
    const settings = new Settings()
    settings.values.set(TOKEN_SETTING, hashOf(OTHER))
    const administrator = new KnownAdministrator(settings, { XJP_ADMIN_TOKEN: TOKEN })
    await administrator.refresh()
    expect([TOKEN, OTHER, '', `${TOKEN} `, TOKEN.slice(1)].map((token) => administrator.is(token))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ])
  })

  test('must be a strong one', () => {
    expect(() => new KnownAdministrator(undefined, { XJP_ADMIN_TOKEN: 'admin' })).toThrow(WeakToken)
  })
})

describe('of the store', () => {
  test('nobody is the administrator before there is a token, and later ones replace it', async () => {
    const settings = new Settings()
    const administrator = new KnownAdministrator(settings, {})
    await administrator.refresh()
    expect(administrator.is(TOKEN)).toBe(false)
    settings.values.set(TOKEN_SETTING, hashOf(TOKEN))
    await administrator.refresh()
    expect(administrator.is(TOKEN)).toBe(true)
    settings.values.set(TOKEN_SETTING, hashOf(OTHER))
    await administrator.refresh()
    expect([administrator.is(TOKEN), administrator.is(OTHER)]).toEqual([false, true])
  })

  test('stays good while the store is away', async () => {
    const settings = new Settings()
    settings.values.set(TOKEN_SETTING, hashOf(TOKEN))
    const administrator = new KnownAdministrator(settings, {})
    await administrator.refresh()
    settings.isAway = true
    await administrator.refresh()
    expect(administrator.is(TOKEN)).toBe(true)
  })

  test('nobody can say before the store has answered', async () => {
    const settings = new Settings()
    settings.isAway = true
    const administrator = new KnownAdministrator(settings, {})
    expect(administrator.is(TOKEN)).toBeUndefined()
    await administrator.refresh()
    expect(administrator.is(TOKEN)).toBeUndefined()
    settings.isAway = false
    await administrator.refresh()
    expect(administrator.is(TOKEN)).toBe(false)
  })

  test('what is no hash lets nobody in', async () => {
    const settings = new Settings()
    for (const kept of ['', 'nonsense', 'ff', `${hashOf(TOKEN)}00`]) {
      settings.values.set(TOKEN_SETTING, kept)
      const administrator = new KnownAdministrator(settings, {})
      await administrator.refresh()
      expect([administrator.is(''), administrator.is(TOKEN)], kept).toEqual([false, false])
    }
  })

  test('without one nobody is', async () => {
    const administrator = new KnownAdministrator(undefined, {})
    administrator.start()
    await administrator.refresh()
    administrator.stop()
    expect(administrator.is('')).toBe(false)
  })

  test('it is followed until it is told to stop', async () => {
    const settings = new Settings()
    settings.values.set(TOKEN_SETTING, hashOf(TOKEN))
    const administrator = new KnownAdministrator(settings, {})
    administrator.start()
    await Promise.resolve()
    await Promise.resolve()
    expect(administrator.is(TOKEN)).toBe(true)
    administrator.stop()
  })
})
