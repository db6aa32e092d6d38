import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { processTicks } from './process-usage.ts'

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
  /** Spent by processes, user and kernel; without interrupts. */
  processes: number
}

function ticks(): Ticks {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n')
  const values = line.split(/\s+/).slice(1, 9).map(Number)
  const [user = 0, nice = 0, system = 0] = values
  return {
    total: values.reduce((sum, value) => sum + value, 0),
    stolen: values[7] ?? 0,
    processes: user + nice + system,
  }
}

/** Shares of all processor time, 0..1: taken away by the host, and used by processes that are not measured. */
export interface Disturbance {
  stolen: number
  others: number
}

export class DisturbanceWatch {
  readonly #start = ticks()
  readonly #pids: readonly number[]
  readonly #ours: number

  /** `pids` are the processes that are measured; they must live as long as the watch. */
  constructor(pids: readonly number[]) {
    this.#pids = [process.pid, ...pids]
    this.#ours = this.#used()
  }

  /** Since this watch began. */
  shares(): Disturbance {
    const now = ticks()
    const total = Math.max(1, now.total - this.#start.total)
    const others = now.processes - this.#start.processes - (this.#used() - this.#ours)
    return { stolen: (now.stolen - this.#start.stolen) / total, others: Math.max(0, others / total) }
  }

  #used(): number {
    return this.#pids.reduce((sum, pid) => sum + processTicks(pid), 0)
  }
}
