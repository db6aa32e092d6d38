// Which test files there are, and how they are put together for running.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../runtime.mjs'

const times = join(root, 'scripts', 'test', 'times.json')

/**
 * `seconds`: what files take, as measured; others take less than one. `quiet`: files, and folders of files, that
 * hold something to a time which a busy machine does not keep.
 */
const known = JSON.parse(readFileSync(times, 'utf8'))
const LITTLE_SECONDS = 0.3
/** A process for each file would spend most of its time on starting. */
const UNIT_SECONDS = 12

const secondsOf = (file) => known.seconds[file] ?? LITTLE_SECONDS
const isQuiet = (file) => known.quiet.some((start) => file.startsWith(start))

/** All test files below some folders, or those whose path has one of the filters in it. */
export function testFiles(folders, filters = []) {
  const wanted = filters.map((filter) => filter.replace(/^\.\//, ''))
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(folder, name).replaceAll('\\', '/'),
      ),
    )
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => wanted.length === 0 || wanted.some((filter) => file.includes(filter)))
    .sort()
}

/**
 * What one process runs: `{name, files, seconds, quiet}`. Neighbours stay together, so that a folder's servers are
 * started once; the longest come first, so that no lane has one left at the end.
 */
export function unitsOf(files) {
  const units = []
  for (const quiet of [false, true]) {
    let unit
    for (const file of files.filter((one) => isQuiet(one) === quiet)) {
      const seconds = secondsOf(file)
      if (unit === undefined || unit.seconds + seconds > UNIT_SECONDS)
        units.push((unit = { files: [], seconds: 0, quiet }))
      unit.files.push(file)
      unit.seconds += seconds
    }
  }
  for (const unit of units) unit.name = nameOf(unit.files)
  return units.sort((one, other) => other.seconds - one.seconds)
}

function nameOf(files) {
  const [first = '', second] = files
  if (second === undefined) return first
  return `${first} … ${files.at(-1)} (${files.length} files)`
}

/** Keeps what the files took this time: those of a second and more. Files that are gone are forgotten. */
export function writeTimes(measured) {
  const all = { ...known.seconds, ...measured }
  const seconds = Object.entries(all)
    .filter(([file, time]) => time >= 1 && existsSync(join(root, file)))
    .map(([file, time]) => [file, Math.round(time)])
    .sort(([one], [other]) => (one < other ? -1 : 1))
  const content = { quiet: known.quiet, seconds: Object.fromEntries(seconds) }
  writeFileSync(times, `${JSON.stringify(content, null, 2)}\n`)
}
