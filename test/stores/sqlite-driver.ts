// One process on a data directory: bun sqlite-driver.ts DIR ROWS, under a limit of the size of files. Inserts rows
// until it cannot, then prints what happened as JSON.
import { openDatabase } from '../../src/store/open.ts'
import { newKey, newUsageRow } from './databases.ts'

const [dataDir = '', rows = '0'] = process.argv.slice(2)
const database = openDatabase({ dataDir, poolSize: 1, timeoutMs: 1_000 })
const key = await database.keys.create(newKey())
let inserted = 0
let failure: unknown
while (inserted < Number(rows) && failure === undefined) {
  const batch = Array.from({ length: 50 }, () => newUsageRow({ requestId: 'x'.repeat(190) }))
  await database.usage.insert(batch).then(
    () => {
      inserted += batch.length
    },
    (thrown: Error) => {
      failure = { name: thrown.name, message: thrown.message }
    },
  )
}
const { requests } = await database.usage.sum({})
const isKnown = (await database.keys.findByHash(key.hash))?.id === key.id
process.stdout.write(JSON.stringify({ inserted, failure, requests, isKnown, health: database.health().up }))
await database.close()
