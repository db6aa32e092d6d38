// npm test: everything, on a machine with nothing but Node 20 and npm. Prints what ran, and a closing count.
//   --static   only formatter, linter, types, unused code, structure
//   --long     the promises at their full sizes
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bunPath, ensureInstalled, root, runtimeEnvironment } from './runtime.mjs'

ensureInstalled({ everything: true })

const only = process.argv[2]?.startsWith('--') ? process.argv[2] : undefined
const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const bin = (name) => join(root, 'node_modules', '.bin', name)

const checks = [
  ['format and lint', bin('biome'), ['ci', '--error-on-warnings', '--colors=off', '.']],
  ['types', bin('tsc'), ['-p', '.']],
  ['types of the pure protocol (no runtime, no DOM)', bin('tsc'), ['-p', 'src/protocol']],
  ['unused code', bin('knip'), ['--no-progress']],
]

let passed = 0
let failed = 0

function run(name, command, args, environment = {}) {
  const started = Date.now()
  process.stdout.write(`\n▶ ${name}\n`)
  const done = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...runtimeEnvironment, ...environment },
  })
  const ok = done.status === 0
  process.stdout.write(`${ok ? '✓' : '✗'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`)
  return ok
}

function count(ok) {
  if (ok) passed += 1
  else failed += 1
}

/** Runs `bun test` with a JUnit report and adds its counts. */
function runTests(name, paths, environment) {
  const report = join(root, 'node_modules', `.junit-${process.pid}.xml`)
  const ok = run(
    name,
    bunPath(),
    ['test', '--timeout', '120000', '--reporter=junit', `--reporter-outfile=${report}`, ...paths],
    environment,
  )
  if (!existsSync(report)) {
    process.stdout.write('the test runner left no report\n')
    failed += 1
    return
  }
  const head = /<testsuites[^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] ?? ''
  rmSync(report)
  const value = (attribute) => Number(new RegExp(`${attribute}="(\\d+)"`).exec(head)?.[1] ?? 0)
  const failures = value('failures') + value('errors')
  passed += value('tests') - failures - value('skipped')
  failed += failures
  if (!ok && failures === 0) failed += 1
  if (value('skipped') > 0) {
    process.stdout.write(`${value('skipped')} skipped: a skip is a defect here\n`)
    failed += 1
  }
}

if (only !== '--long' && filters.length === 0)
  for (const [name, command, args] of checks) count(run(name, command, args))
if (only === '--long') runTests('promises at their full sizes', ['./test/promises'], { XJP_LONG: '1' })
else if (only !== '--static') runTests('tests', filters.length > 0 ? filters : ['./src', './test', './bench'])

process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
