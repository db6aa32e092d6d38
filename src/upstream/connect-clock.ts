import { connect } from 'node:net'
import { isProxied } from './proxy.ts'

/** An origin that answered this recently is not probed. */
const TRUST_MILLISECONDS = 60_000
const MAXIMUM_ORIGINS = 1_000
const lastAnswer = new Map<string, number>()

/**
 * The runtime's `fetch` does not say when its connection stands, so the connect clock is kept by a probe: when an
 * origin that has not answered lately is silent for half the connect time, a second connection is tried with the
 * other half. `onUnreachable` is called when that does not come to stand in time. A refused connection is left to
 * `fetch`, which reports it itself. Behind a proxy nothing is probed: only the proxy knows whether the origin is there,
 * and the first-byte clock remains.
 */
export class ConnectClock {
  readonly #url: URL
  readonly #onUnreachable: () => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #stopProbe: (() => void) | undefined

  constructor(url: URL, milliseconds: number, onUnreachable: () => void) {
    this.#url = url
    this.#onUnreachable = onUnreachable
    const silence = performance.now() - (lastAnswer.get(url.origin) ?? Number.NEGATIVE_INFINITY)
    if (silence < TRUST_MILLISECONDS || isProxied(url)) return
    this.#timer = setTimeout(() => this.#probe(milliseconds / 2), milliseconds / 2)
  }

  /** The upstream answered: it is reachable. */
  answered(): void {
    this.stop()
    if (lastAnswer.size >= MAXIMUM_ORIGINS) lastAnswer.clear()
    lastAnswer.set(this.#url.origin, performance.now())
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#stopProbe?.()
  }

  #probe(milliseconds: number): void {
    const { hostname, port, protocol } = this.#url
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || (protocol === 'https:' ? 443 : 80)),
    })
    this.#timer = setTimeout(() => {
      socket.destroy()
      this.#onUnreachable()
    }, milliseconds)
    const settle = (): void => {
      clearTimeout(this.#timer)
      socket.destroy()
    }
    this.#stopProbe = settle
    socket.once('connect', settle)
    socket.once('error', settle)
  }
}
