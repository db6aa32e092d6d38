import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const driver = resolve(import.meta.dir, 'probe-driver.ts')

/** What is in the gateway's own process (see probe-driver.ts). */
export class Probe {
  readonly #folder = mkdtempSync(join(tmpdir(), 'xjp-probe-'))
  readonly #path = join(this.#folder, 'socket')

  /** For the environment of the gateway. */
  get environment(): Record<string, string> {
    return { BUN_OPTIONS: `--preload=${driver}`, XJP_PROBE: this.#path }
  }

  /** The longest time the loop was held since this was last asked, in milliseconds. */
  async longestMs(): Promise<number> {
    return (await this.#ask<{ longestMs: number }>('/loop')).longestMs
  }

  /** What is left after all that can be collected was. */
  memory(): Promise<{ heapBytes: number; objects: number; residentBytes: number }> {
    return this.#ask('/memory')
  }

  /** How many objects of each kind are left after all that can be collected was. */
  objects(): Promise<Record<string, number>> {
    return this.#ask('/objects')
  }

  /** Processor time so far, and resident memory now. */
  used(): Promise<{ usedMs: number; residentBytes: number }> {
    return this.#ask('/used')
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #ask<T>(path: string): Promise<T> {
    const response = await fetch(`http://probe${path}`, { unix: this.#path })
    return (await response.json()) as T
  }
}
