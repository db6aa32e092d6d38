// node scripts/with-dependencies.mjs TOOL [arguments]: runs a development tool of this project.
import { join } from 'node:path'
import { runChild } from './run-child.mjs'
import { ensureInstalled, root } from './runtime.mjs'

ensureInstalled({ everything: true })
const [tool, ...args] = process.argv.slice(2)
process.exitCode = await runChild(join(root, 'node_modules', '.bin', tool ?? ''), args, { cwd: root })
