import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

/** Nanoseconds every live thread of the process has run, by thread. */
type ThreadTimes = Map<string, number>

function threadTimes(pid: number): ThreadTimes {
  const times: ThreadTimes = new Map()
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [ran] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')
      times.set(thread, Number(ran))
    } catch {
      // The thread ended between the listing and the reading.
    }
  }
  return times
}

/**
 * Processor time of a process from now on, in microseconds, user and kernel, all threads. From `schedstat`, whose
 * clock counts nanoseconds where `stat` counts ticks of ten milliseconds.
 */
export class CpuClock {
  readonly #pid: number
  readonly #start: ThreadTimes

  constructor(pid: number) {
    this.#pid = pid
    this.#start = threadTimes(pid)
  }

  microseconds(): number {
    let nanoseconds = 0
    for (const [thread, ran] of threadTimes(this.#pid)) nanoseconds += ran - (this.#start.get(thread) ?? 0)
    return nanoseconds / 1000
  }
}

/** Processor time the process has used so far, in ticks of the kernel's clock, user and kernel. */
export function processTicks(pid: number): number {
  const afterName = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '')
  const [user = 0, system = 0] = afterName.split(' ').slice(11, 13).map(Number)
  return user + system
}

/** Resident memory in megabytes (2^20 bytes). */
export function residentMegabytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Number(line?.[1] ?? Number.NaN) / 1024
}

/** Open file descriptors. */
export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** How many descriptors a process of this user may open. */
export function descriptorLimit(): number {
  const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
  return Number(line?.[1] ?? 0)
}

/** The last descendant of a process that runs this executable: what a launcher launched. */
export function descendant(pid: number, executable: string): number | undefined {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const afterName = readFileSync(`/proc/${entry}/stat`, 'latin1').replace(/^.*\) /, '')
      parents.set(Number(entry), Number(afterName.split(' ')[1]))
    } catch {
      // The process ended meanwhile.
    }
  }
  let found: number | undefined
  for (let family = [pid]; family.length > 0; ) {
    family = [...parents].filter(([, parent]) => family.includes(parent)).map(([child]) => child)
    found = family.find((child) => executableOf(child) === executable) ?? found
  }
  return found
}

function executableOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`))
  } catch {
    return ''
  }
}
