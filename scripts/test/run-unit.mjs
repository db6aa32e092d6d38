// Runs one process of tests to its end.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { bunPath, root, runtimeEnvironment } from '../runtime.mjs'
import { readReport } from './junit.mjs'

const running = new Set()
/** Nobody reads any more: what runs is ended with this process. */
export function endAll() {
  for (const child of running) child.kill('SIGKILL')
}

/**
 * Resolves with `{ok, log, seconds, report, why}`; `report` is undefined when the runner left none, `why` says what
 * is wrong that no test says. The output goes through a file: the runner never ends when a pipe it writes to closes.
 */
export function runUnit(unit, { folder, number, testMs, limitMs, environment, follow }) {
  const logFile = join(folder, `${number}.log`)
  const reportFile = join(folder, `${number}.xml`)
  const output = openSync(logFile, 'w')
  const begun = performance.now()
  const reporter = ['--reporter=junit', `--reporter-outfile=${reportFile}`]
  const child = spawn(
    bunPath(),
    ['test', '--timeout', String(testMs), ...reporter, ...unit.files.map((file) => `./${file}`)],
    {
      cwd: root,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...runtimeEnvironment, ...environment },
    },
  )
  closeSync(output)
  running.add(child)
  let late = false
  const limit = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, limitMs)
  const stopFollowing = follow ? followFile(logFile, follow) : () => {}
  return new Promise((resolve) => {
    child.on('error', (error) => finish(null, null, String(error)))
    child.on('exit', (code, signal) => finish(code, signal))
    function finish(code, signal, error) {
      clearTimeout(limit)
      running.delete(child)
      stopFollowing()
      const log = readFileSync(logFile, 'utf8')
      const report = existsSync(reportFile) ? readReport(readFileSync(reportFile, 'utf8')) : undefined
      for (const file of [logFile, reportFile]) rmSync(file, { force: true })
      const seconds = (performance.now() - begun) / 1000
      const ok = code === 0 && report !== undefined && report.failures === 0 && report.skipped === 0
      resolve({ unit, ok, log, seconds, report, why: error ?? whyNot() })

      function whyNot() {
        if (late) return `it did not end within ${Math.round(limitMs / 1000)} s; the last lines tell where`
        if (signal) return `ended by ${signal} (${constants.signals[signal]})`
        if (report === undefined) return `ended with code ${code} and left no report`
        if (report.skipped > 0) return `${report.skipped} skipped: a skip is a defect here`
        if (code !== 0 && report.failures === 0) return `ended with code ${code} though no test failed`
        return undefined
      }
    }
  })
}

/** Hands on what a file grows by. */
function followFile(path, write) {
  let seen = 0
  const look = () => {
    const bytes = readFileSync(path)
    if (bytes.length > seen) write(bytes.subarray(seen))
    seen = bytes.length
  }
  const timer = setInterval(look, 200)
  return () => {
    clearInterval(timer)
    look()
  }
}
