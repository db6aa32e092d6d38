// Finds what a fresh clone lacks and gets it, with nothing but Node 20 and npm. Plain JavaScript: it runs before
// anything is installed.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const lockfile = join(root, 'package-lock.json')

/** A copy of the lockfile that was installed; one for what serving needs, one for everything. */
const stampOf = (scope) => join(root, 'node_modules', `.installed-${scope}`)

function isInstalled(scope, wanted) {
  if (existsSync(stampOf(scope)) && readFileSync(stampOf(scope), 'utf8') === wanted) return true
  return isInstalledByHand(scope, wanted)
}

/** Whether npm itself was asked for all of it (`npm ci`): its own list of what stands there says so. */
function isInstalledByHand(scope, wanted) {
  const list = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(list)) return false
  const there = JSON.parse(readFileSync(list, 'utf8')).packages
  return Object.entries(JSON.parse(wanted).packages).every(([path, { version, dev, optional }]) => {
    const isWanted = path !== '' && !optional && (scope === 'everything' || !dev)
    return !isWanted || there[path]?.version === version
  })
}

/**
 * Installs the locked dependencies when they are missing or another lockfile's: those that serving needs, or with
 * `everything` the development tools too. Exits 1 when that fails.
 */
export function ensureInstalled({ everything = false } = {}) {
  const wanted = readFileSync(lockfile, 'utf8')
  if (isInstalled('everything', wanted) || (!everything && isInstalled('serving', wanted))) return
  process.stderr.write('xjp-gateway: installing dependencies (npm ci) …\n')
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const done = spawnSync('npm', everything ? args : [...args, '--omit=dev'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (done.status !== 0) {
    process.stderr.write(
      'xjp-gateway: npm ci failed; its output above says why. Is the npm registry reachable?\n',
    )
    process.exit(1)
  }
  writeFileSync(stampOf(everything ? 'everything' : 'serving'), wanted)
}

/** The pinned Bun's binary. It comes as an ordinary package, so no install script has to run. */
export function bunPath() {
  const scope = join(root, 'node_modules', '@oven')
  const names = existsSync(scope) ? readdirSync(scope).sort() : []
  for (const name of names) {
    for (const file of ['bun', 'bun.exe']) {
      const path = join(scope, name, 'bin', file)
      if (existsSync(path) && statSync(path).isFile() && spawnSync(path, ['--version']).status === 0)
        return path
    }
  }
  process.stderr.write(
    `xjp-gateway: no Bun for ${process.platform}-${process.arch} was installed. Delete node_modules and try again.\n`,
  )
  process.exit(1)
}

/**
 * The runtime reads these before it starts: how many upstream requests may be open at once (65,535 at most), the memory
 * its collector believes the machine to have, and how far it lets a heap grow that is more than half of that. A heap
 * may double up to a quarter of it (32 MB, which no load of whole requests comes to), then grow by half. On a machine
 * of its true size it would treble with thousands of open streams before all of it is collected: 4,000 took up to
 * 210 MB instead of 165.
 */
export const runtimeEnvironment = {
  BUN_CONFIG_MAX_HTTP_REQUESTS: '65535',
  BUN_JSC_forceRAMSize: String(128 * 1024 ** 2),
  BUN_JSC_largeHeapGrowthFactor: '1.5',
}
