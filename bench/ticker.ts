type Step = (now: number) => void

/**
 * The rig's clock. The generator and the scripted upstream live in one process and are driven by one loop, so that
 * neither waits for the other's time slice. Spinning, the loop polls the sockets and the clock without pause:
 * a timer of the runtime is a millisecond late, which is more than what is measured.
 */
export class Ticker {
  readonly #steps = new Set<Step>()
  #running = false
  #spinning = false

  /** `spin: false` looks at the clock every millisecond: for work where lateness does not matter. */
  start(spin: boolean): void {
    this.#spinning = spin
    if (this.#running) return
    this.#running = true
    this.#next()
  }

  stop(): void {
    this.#running = false
  }

  add(step: Step): void {
    this.#steps.add(step)
  }

  remove(step: Step): void {
    this.#steps.delete(step)
  }

  readonly #turn = (): void => {
    if (!this.#running) return
    const now = performance.now()
    for (const step of this.#steps) step(now)
    this.#next()
  }

  #next(): void {
    if (this.#spinning) setImmediate(this.#turn)
    else setTimeout(this.#turn, 1)
  }
}
