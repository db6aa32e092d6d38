import { cpuSecondsOf, openFilesOf, residentMegabytesOf } from '../../promises/support/process-usage.ts'

/** How a process stood at one moment. */
export interface Sample {
  /** Seconds since watching began. */
  at: number
  megabytes: number
  files: number
}

/** Looks at a process once a second. */
export class ProcessWatch {
  readonly #pid: number
  readonly #begun = performance.now()
  readonly #timer: ReturnType<typeof setInterval>
  readonly samples: Sample[] = []

  constructor(pid: number) {
    this.#pid = pid
    this.#timer = setInterval(() => this.look(), 1_000)
  }

  look(): Sample | undefined {
    try {
      const at = (performance.now() - this.#begun) / 1000
      const sample = { at, megabytes: residentMegabytesOf(this.#pid), files: openFilesOf(this.#pid) }
      this.samples.push(sample)
      return sample
    } catch {
      // It has ended; whoever started it says so.
      return undefined
    }
  }

  cpuSeconds(): number {
    return cpuSecondsOf(this.#pid)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
