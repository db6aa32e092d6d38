// One process that migrates: bun migrate-driver.ts sqlite|postgres ADDRESS [KILL_AT]
// KILL_AT is the number of a step, counted over all migrations: there the process kills itself, with the step done but
// not committed. Prints the report as JSON.
import { migrate } from '../../src/store/sql/migrate.ts'
import { type Migration, migrations } from '../../src/store/sql/migrations.ts'
import { openBackend } from './backends.ts'

const [kind, address = '', killAt] = process.argv.slice(2)

let count = 0
const deadly: Migration[] = migrations.map(({ version, steps }) => ({
  version,
  steps: steps.map((step) => {
    const number = count++
    return {
      ...step,
      async run(database, sqlKind) {
        await step.run(database, sqlKind)
        if (String(number) === killAt) process.kill(process.pid, 'SIGKILL')
      },
    }
  }),
}))

const backend = openBackend(kind === 'sqlite' ? 'sqlite' : 'postgres', address)
const report = await migrate(backend, deadly, { now: Date.now, waitMs: 60_000 })
process.stdout.write(JSON.stringify(report))
await backend.close()
