// npm test: everything, on a machine with nothing but Node 20 and npm. Prints what ran, and a closing count.
//   --static   only formatter, linter, types, unused code, structure
//   --long     the promises at their full sizes
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
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

/** Here the tests note which servers they ran on; see test/support/services/report.ts. */
const notesFolder = mkdtempSync(join(tmpdir(), 'xjp-report-'))
const notes = join(notesFolder, 'notes')

function run(name, command, args, environment = {}) {
  const started = Date.now()
  process.stdout.write(`\n▶ ${name}\n`)
  const done = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...runtimeEnvironment, XJP_TEST_REPORT: notes, ...environment },
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
    [
      'test',
      '--timeout',
      only === '--long' ? '900000' : '120000',
      '--reporter=junit',
      `--reporter-outfile=${report}`,
      ...paths,
    ],
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
if (only === '--long')
  runTests('promises at their full sizes', ['./test/promises', './test/stores'], { XJP_LONG: '1' })
else if (only !== '--static') runTests('tests', filters.length > 0 ? filters : ['./src', './test', './bench'])

/** One line: the servers with their versions, then each suite with the stores it ran on. */
function whatRanOnWhat() {
  const lines = existsSync(notes) ? [...new Set(readFileSync(notes, 'utf8').trim().split('\n'))] : []
  const servers = lines.filter((line) => !line.includes(': '))
  const suites = new Map()
  for (const line of lines.filter((each) => each.includes(': '))) {
    const [suite, store] = line.split(': ')
    suites.set(suite, [...(suites.get(suite) ?? []), store])
  }
  const ran = [...suites].map(([suite, stores]) => `${suite} on ${stores.sort().join(' + ')}`)
  return [...servers, ...ran.sort()].join('; ')
}

const stores = whatRanOnWhat()
rmSync(notesFolder, { recursive: true, force: true })
if (stores !== '') process.stdout.write(`\nstores: ${stores}\n`)
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
