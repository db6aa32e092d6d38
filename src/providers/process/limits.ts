import type { Child } from '../../platform/spawn.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import type { OutputPipe } from './read.ts'
import type { ProcessSettings } from './settings.ts'

/** Between SIGTERM and SIGKILL; with the clean-up after it this stays below the promised second (L4). */
export const graceMs = 400
/** After SIGKILL: a process the kernel cannot end must not hold the caller. */
const giveUpMs = 300

/** Time, bytes and the caller's signal: whichever comes first ends the group, and is what `check` throws. */
export class Limits {
  readonly #child: Child
  readonly #pipe: OutputPipe
  readonly #settings: ProcessSettings
  readonly #signal: AbortSignal
  readonly #timer: ReturnType<typeof setTimeout>
  #giveUp: ReturnType<typeof setTimeout> | undefined
  #bytes = 0
  #broken: GatewayError | undefined

  constructor(child: Child, pipe: OutputPipe, settings: ProcessSettings, signal: AbortSignal) {
    this.#child = child
    this.#pipe = pipe
    this.#settings = settings
    this.#signal = signal
    this.#timer = setTimeout(() => this.#end(tooSlow(settings)), settings.timeoutMs)
    if (signal.aborted) this.#left()
    else signal.addEventListener('abort', this.#left, { once: true })
  }

  count(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes <= this.#settings.maxOutputBytes) return
    this.#end(tooMuch(this.#settings))
    this.check()
  }

  check(): void {
    if (this.#broken) throw this.#broken
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#giveUp)
    this.#signal.removeEventListener('abort', this.#left)
  }

  readonly #left = (): void =>
    this.#end(new GatewayError('client_closed', 'The call was given up; its process was ended'))

  #end(error: GatewayError): void {
    if (this.#broken) return
    this.#broken = error
    this.#child.end(graceMs)
    this.#giveUp = setTimeout(() => this.#pipe.giveUp(), graceMs + giveUpMs)
  }
}

function tooSlow({ timeoutMs }: ProcessSettings): GatewayError {
  return new GatewayError(
    'timeout',
    `The local command ran longer than ${timeoutMs} ms; raise timeout_ms if that is right`,
  )
}

function tooMuch({ maxOutputBytes }: ProcessSettings): GatewayError {
  return new GatewayError(
    'upstream_failed',
    `The local command printed more than ${maxOutputBytes} bytes; raise max_output_bytes if that is right`,
  )
}
