import { readdirSync, readFileSync } from 'node:fs'

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
      const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8')
      const megabytes = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
      const files = readdirSync(`/proc/${this.#pid}/fd`).length
      const sample = { at: (performance.now() - this.#begun) / 1000, megabytes, files }
      this.samples.push(sample)
      return sample
    } catch {
      // It has ended; whoever started it says so.
      return undefined
    }
  }

  /** CPU seconds that it has used. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#pid}/stat`, 'utf8')
    const after = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(after[11]) + Number(after[12])) / 100
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
