// node scripts/with-bun.mjs FILE [arguments]: runs a TypeScript file with the pinned runtime.
import { runChild } from './run-child.mjs'
import { bunPath, ensureInstalled, runtimeEnvironment } from './runtime.mjs'

ensureInstalled({ everything: true })
process.exitCode = await runChild(bunPath(), process.argv.slice(2), {
  env: { ...runtimeEnvironment, ...process.env },
})
