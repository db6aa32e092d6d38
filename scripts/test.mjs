// npm test: everything, on a machine with nothing but Node 20 and npm. Prints what ran, and a closing count.
//   PATH …     only the test files with this in their path
//   --static   only formatter, linter, types, unused code
//   --long     the promises at their full sizes
//   --times    writes what the files took into scripts/test/times.json
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureInstalled, root, runtimeEnvironment } from './runtime.mjs'
import { testFiles, unitsOf, writeTimes } from './test/files.mjs'
import { runUnits } from './test/lanes.mjs'
import { openServices } from './test/services.mjs'

ensureInstalled({ everything: true })

const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'))
const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const isLong = flags.includes('--long')
const isStatic = flags.includes('--static')
const bin = (name) => join(root, 'node_modules', '.bin', name)

const checks = [
  ['format and lint', bin('biome'), ['ci', '--error-on-warnings', '--colors=off', '.']],
  ['types', bin('tsc'), ['-p', '.']],
  ['types of the pure protocol (no runtime, no DOM)', bin('tsc'), ['-p', 'src/protocol']],
  ['unused code', bin('knip'), ['--no-progress']],
]

const begun = performance.now()
let passed = 0
let failed = 0
/** What went wrong, for the end: nobody finds it between thousands of lines. */
const wrong = []

function note(ok, name) {
  if (ok) passed += 1
  else failed += 1
  if (!ok) wrong.push(name)
}

function runCheck([name, command, args]) {
  const started = performance.now()
  process.stdout.write(`\n▶ ${name}\n`)
  const env = { ...process.env, ...runtimeEnvironment }
  const ok = spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status === 0
  process.stdout.write(`${ok ? '✓' : '✗'} ${name} (${secondsSince(started)} s)\n`)
  note(ok, name)
}

function secondsSince(moment) {
  return ((performance.now() - moment) / 1000).toFixed(1)
}

/** Counts, and the output without the thousands of lines about what is well. */
function tell({ unit, ok, log, seconds, report, why }, isShown) {
  const { tests = 0, failures = 0, skipped = 0 } = report ?? {}
  passed += tests - failures - skipped
  failed += failures
  if (why !== undefined) note(false, `${unit.name}: ${why}`)
  wrong.push(...(report?.failed ?? []))
  const lines = ok ? log.split('\n').filter(isOfInterest) : [log]
  if (!isShown) process.stdout.write(`${lines.join('\n')}\n`)
  if (why !== undefined) process.stdout.write(`${why}\n`)
  process.stdout.write(`${ok ? '✓' : '✗'} ${unit.name}: ${tests} tests (${seconds.toFixed(1)} s)\n`)
}

const dull = /^\(pass\)|^\S+\.test\.ts:$|^bun test v|^Ran \d|^ *\d+ (?:pass|fail|expect\(\) calls)$|^\s*$/

function isOfInterest(line) {
  return !dull.test(line)
}

async function runTests(name, units) {
  const started = performance.now()
  const seconds = {}
  process.stdout.write(`\n▶ ${name}\n`)
  const failedBefore = failed
  const services = await openServices(notesFolder)
  await runUnits(
    units,
    {
      testMs: isLong ? 900_000 : 120_000,
      limitMs: isLong ? 4 * 3_600_000 : 900_000,
      ...(isLong ? { lanes: 1 } : {}),
      environment: { XJP_TEST_REPORT: notes, ...services.environment, ...(isLong ? { XJP_LONG: '1' } : {}) },
    },
    (result) => {
      Object.assign(seconds, result.report?.seconds)
      tell(result, units.length === 1)
    },
  )
  await services.close()
  process.stdout.write(`${failed === failedBefore ? '✓' : '✗'} ${name} (${secondsSince(started)} s)\n`)
  if (flags.includes('--times')) writeTimes(seconds)
}

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

/** Here the tests note which servers they ran on; see test/support/services/report.ts. */
const notesFolder = mkdtempSync(join(tmpdir(), 'xjp-report-'))
const notes = join(notesFolder, 'notes')

if (!isLong && filters.length === 0) for (const check of checks) runCheck(check)
if (!isStatic) {
  const files = testFiles(isLong ? ['test/promises', 'test/stores'] : ['src', 'test', 'bench'], filters)
  const units = isLong ? files.map((file) => ({ name: file, files: [file], quiet: false })) : unitsOf(files)
  await runTests(isLong ? 'promises at their full sizes' : 'tests', units)
}

const stores = whatRanOnWhat()
rmSync(notesFolder, { recursive: true, force: true })
if (stores !== '') process.stdout.write(`\nstores: ${stores}\n`)
if (wrong.length > 0) process.stdout.write(`\nfailed:\n${wrong.map((one) => `  ✗ ${one}`).join('\n')}\n`)
process.stdout.write(`\n${passed} passed, ${failed} failed (${secondsSince(begun)} s)\n`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
