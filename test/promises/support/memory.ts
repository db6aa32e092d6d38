import { readFileSync, writeFileSync } from 'node:fs'

function kilobytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const found = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  if (found === undefined) throw new Error(`/proc/${pid}/status does not say ${field}.`)
  return Number(found)
}

const NEAR_MB = 4
const LOOK_MS = 50

/** The memory of one process, and what it grows by. */
export class Memory {
  readonly #pid: number
  #floor = Number.POSITIVE_INFINITY

  constructor(pid: number) {
    this.#pid = pid
  }

  /** Finds the least memory that it comes to when left alone for so long. */
  async rest(milliseconds: number): Promise<void> {
    const end = performance.now() + milliseconds
    while (performance.now() < end) await this.#look()
  }

  /** Waits for what earlier work left to be collected; false when it is still there after so long. */
  async settles(milliseconds: number): Promise<boolean> {
    const end = performance.now() + milliseconds
    while ((await this.#look()) > this.#floor + NEAR_MB) if (performance.now() > end) return false
    return true
  }

  /**
   * By how much resident memory rose at its highest over the least that it ever rested at, in megabytes. Linux keeps
   * the high mark and lets it be reset, so that no peak between two samples is missed.
   */
  async peakGrowth(work: () => Promise<void>): Promise<number> {
    writeFileSync(`/proc/${this.#pid}/clear_refs`, '5')
    await work()
    return Math.max(0, kilobytes(this.#pid, 'VmHWM') / 1024 - this.#floor)
  }

  async #look(): Promise<number> {
    await Bun.sleep(LOOK_MS)
    const now = kilobytes(this.#pid, 'VmRSS') / 1024
    this.#floor = Math.min(this.#floor, now)
    return now
  }
}
