import type { Child } from '../../platform/spawn.ts'

/** How long more output is waited for once the command has ended: a grandchild may hold the pipe for ever. */
const drainMs = 250

/**
 * A child's output, read by read. It ends when the pipe does; when the command has ended and nothing comes any
 * more, what still holds the pipe is ended; and when even that does not help, reading is given up.
 */
export class OutputPipe {
  readonly #child: Child
  #isReading = false
  #hasExited = false
  #hasSwept = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(child: Child) {
    this.#child = child
    child.exited.then(() => {
      this.#hasExited = true
      if (this.#isReading) this.#arm()
    })
  }

  /** Undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    this.#isReading = true
    if (this.#hasExited) this.#arm()
    const { value } = await this.#child.output.read()
    this.#isReading = false
    clearTimeout(this.#timer)
    return value
  }

  /** Makes a pending read end, whatever still holds the pipe. */
  giveUp(): void {
    clearTimeout(this.#timer)
    this.#child.output.cancel().catch(() => {})
  }

  #arm(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (this.#hasSwept) this.giveUp()
      else {
        this.#hasSwept = true
        this.#child.sweep()
        this.#arm()
      }
    }, drainMs)
  }
}
