import type { SettingStore } from '../ports/keys.ts'
import type { SqlSession } from './backend.ts'
import { storable } from './texts.ts'

export function sqlSettingStore(session: SqlSession): SettingStore {
  return {
    async get(name) {
      const row = await session.read((database) =>
        database.selectFrom('settings').select('value').where('name', '=', storable(name)).executeTakeFirst(),
      )
      return row?.value
    },
    async setIfAbsent(name, value) {
      const added = await session.write((database) =>
        database
          .insertInto('settings')
          .values({ name: storable(name), value: storable(value) })
          .onConflict((conflict) => conflict.column('name').doNothing())
          .returning('name')
          .execute(),
      )
      return added.length > 0
    },
    async set(name, value) {
      await session.write((database) =>
        database
          .insertInto('settings')
          .values({ name: storable(name), value: storable(value) })
          .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: storable(value) }))
          .execute(),
      )
    },
  }
}
