#!/usr/bin/env node
import { join } from 'node:path'
import { runChild } from '../scripts/run-child.mjs'
import { bunPath, ensureInstalled, root, runtimeEnvironment } from '../scripts/runtime.mjs'

ensureInstalled()
process.exitCode = await runChild(
  bunPath(),
  [join(root, 'src', 'cli', 'main.ts'), ...process.argv.slice(2)],
  {
    env: { ...runtimeEnvironment, ...process.env },
  },
)
