// The servers that all processes of one run share; see test/support/services/desk.ts.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { bunPath, root } from '../runtime.mjs'

/**
 * Opens the desk where tests ask for a PostgreSQL and a Redis; these are started when the first one asks. `folder`:
 * where its socket is.
 */
export async function openServices(folder) {
  const address = join(folder, 'services')
  const desk = spawn(bunPath(), [join(root, 'test', 'support', 'services', 'desk.ts'), address], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => desk.on('exit', resolve).on('error', resolve))
  // It says so when it listens.
  await Promise.race([new Promise((resolve) => desk.stdout.once('data', resolve)), ended])
  return {
    environment: { XJP_TEST_SERVICES: address },
    /** Ends what it has started. */
    close: () => {
      desk.stdin.end()
      return ended
    },
  }
}
