import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

/** What the figures were measured on. */
export interface Machine {
  cpu: string
  cores: number
  memoryGigabytes: number
  kernel: string
  runtime: string
  commit: string
}

export function describeMachine(root: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    runtime: `Bun ${Bun.version}`,
    commit: commit(root),
  }
}

function commit(root: string): string {
  const git = (...args: string[]): string =>
    Bun.spawnSync(['git', '-C', root, ...args], { stderr: 'ignore' })
      .stdout.toString()
      .trim()
  const id = git('rev-parse', '--short=12', 'HEAD')
  if (id === '') return 'unknown'
  return git('status', '--porcelain') === '' ? id : `${id} with changes`
}

/** Ticks of all processors since the machine started, from `/proc/stat`. */
interface Ticks {
  total: number
  stolen: number
}

function ticks(): Ticks {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n')
  const values = line.split(/\s+/).slice(1, 9).map(Number)
  return { total: values.reduce((sum, value) => sum + value, 0), stolen: values[7] ?? 0 }
}

/** Watches how much processor time the host took away for other machines. */
export class StealWatch {
  readonly #start = ticks()

  /** Share of all processor time since this watch began, 0..1. */
  share(): number {
    const now = ticks()
    return (now.stolen - this.#start.stolen) / Math.max(1, now.total - this.#start.total)
  }
}

/** One-minute load average, and the share of the last ten seconds in which something waited for a processor. */
export function neighbours(): { load: number; pressure: number } {
  let pressure = Number.NaN
  try {
    pressure = Number(/some avg10=([\d.]+)/.exec(readFileSync('/proc/pressure/cpu', 'latin1'))?.[1])
  } catch {
    // The kernel was built without pressure information.
  }
  return { load: loadavg()[0] ?? Number.NaN, pressure }
}
