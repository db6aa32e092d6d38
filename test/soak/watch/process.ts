import {
  connectionsAt,
  cpuSecondsOf,
  openFilesOf,
  residentMegabytesOf,
} from '../../promises/support/process-usage.ts'

/** How a process stood at one moment. */
export interface Sample {
  /** Seconds since watching began. */
  at: number
  megabytes: number
  files: number
  /** Files that are no connection which its other end knows of: clients and vendors come and go. */
  ownFiles: number
}

/** Looks at a process once a second. */
export class ProcessWatch {
  readonly #pid: number
  readonly #port: number
  readonly #vendors: () => number
  readonly #begun = performance.now()
  readonly #timer: ReturnType<typeof setInterval>
  readonly samples: Sample[] = []

  /** `vendors`: how many connections the vendors have from it. */
  constructor({ pid, url }: { pid: number; url: string }, vendors: () => number) {
    this.#pid = pid
    this.#port = Number(new URL(url).port)
    this.#vendors = vendors
    this.#timer = setInterval(() => this.look(), 1_000)
  }

  look(): Sample | undefined {
    try {
      const at = (performance.now() - this.#begun) / 1000
      const files = openFilesOf(this.#pid)
      const ownFiles = files - connectionsAt(this.#port) - this.#vendors()
      const sample = { at, megabytes: residentMegabytesOf(this.#pid), files, ownFiles }
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
