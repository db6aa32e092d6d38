import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { findProgram, runToEnd } from './processes.ts'

/** With this file Debian's packages start no service; it is removed again. */
const POLICY = '/usr/sbin/policy-rc.d'

/**
 * Installs Debian's packages, when this is Debian and we may; throws words that say what to do otherwise. `what` is
 * the server's name for people, `variable` the one that names a running server instead.
 */
export function installOrExplain(what: string, packages: readonly string[], variable: string): void {
  const apt = findProgram(['apt-get'])
  if (userInfo().uid !== 0 || !apt)
    throw new Error(
      `These tests need a real ${what}: name a running one in ${variable}, or install it (${packages.join(' ')}); this user cannot install Debian's packages`,
    )
  process.stderr.write(`installing ${packages.join(' ')} for the tests …\n`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const ours = !existsSync(POLICY)
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    runToEnd([apt, 'update', '-q'], { env })
    runToEnd([apt, 'install', '-q', '-y', '--no-install-recommends', ...packages], { env })
  } finally {
    if (ours) rmSync(POLICY, { force: true })
  }
}
