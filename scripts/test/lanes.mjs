// Runs units of tests beside each other.
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { endAll, runUnit } from './run-unit.mjs'

/** As many as there are cores: more of them make the tests that hold something to a time fail. */
const LANES = Math.max(2, Math.min(6, availableParallelism()))
/** Tests that hold something to a time run when nothing else does. */
const QUIET_LANES = 1

/**
 * Runs all units; `done(result)` is told of each as it ends. A single unit shows what it does while it does it.
 */
export async function runUnits(units, options, done) {
  const folder = mkdtempSync(join(tmpdir(), 'xjp-lanes-'))
  process.once('SIGTERM', () => {
    endAll()
    process.exit(143)
  })
  // `npm test | head`: nobody reads any more.
  process.stdout.on('error', () => {
    endAll()
    process.exit(1)
  })
  let number = 0
  const follow = units.length === 1 ? (bytes) => process.stdout.write(bytes) : undefined
  const lane = async (queue) => {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
      number += 1
      done(await runUnit(unit, { ...options, folder, number, follow }))
    }
  }
  try {
    for (const [quiet, lanes] of [
      [false, options.lanes ?? LANES],
      [true, QUIET_LANES],
    ]) {
      const queue = units.filter((unit) => unit.quiet === quiet)
      await Promise.all(Array.from({ length: lanes }, () => lane(queue)))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
