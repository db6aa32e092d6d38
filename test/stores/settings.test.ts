import { describe, expect, test } from 'bun:test'
import { databaseKinds, openFor } from './databases.ts'

for (const kind of databaseKinds)
  describe(`SettingStore on ${kind.name}`, () => {
    test('the first writer of several wins, and later values replace', async () => {
      const { database, again } = await openFor('SettingStore', kind)
      const others = [again(), again(), again()]
      expect(await database.settings.get('token')).toBeUndefined()
      const stores = [database, ...others].map((each) => each.settings)
      const won = await Promise.all(stores.map((store, index) => store.setIfAbsent('token', `${index}`)))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect(await database.settings.get('token')).toBe(`${won.indexOf(true)}`)
      await database.settings.set('token', "it's; -- new")
      await database.settings.set('other', '')
      expect(await others[0]?.settings.get('token')).toBe("it's; -- new")
      expect(await others[0]?.settings.get('other')).toBe('')
      await Promise.all([database, ...others].map((each) => each.close()))
    })
  })
