import type { Server } from './child.ts'
import type { LoadTarget } from './load.ts'
import { CpuClock } from './process-usage.ts'
import { type ServerKind, startServer } from './servers.ts'
import { type RequestShape, requestBytes, type Target } from './targets.ts'
import { Ticker } from './ticker.ts'
import { Upstream } from './upstream.ts'

/** The scripted upstream, the loop that drives it and the load, and the servers that stand before it. */
export class Rig {
  readonly ticker = new Ticker()
  readonly upstream = new Upstream(this.ticker)
  readonly #servers = new Map<ServerKind, Server>()

  /** The server of a kind, started when it is first asked for. */
  async start(kind: ServerKind): Promise<Server> {
    const running = this.#servers.get(kind)
    if (running) return running
    const server = await startServer(kind, this.upstream.port)
    this.#servers.set(kind, server)
    return server
  }

  /** Ends the server of a kind, so that the next one is fresh. */
  async end(kind: ServerKind): Promise<void> {
    const server = this.#servers.get(kind)
    this.#servers.delete(kind)
    await server?.stop()
  }

  async close(): Promise<void> {
    this.ticker.stop()
    for (const kind of [...this.#servers.keys()]) await this.end(kind)
    this.upstream.close()
  }

  /** The measured process of a target; undefined for `direct`, which has none. */
  server(target: Target): Server | undefined {
    return target.server === 'direct' ? undefined : this.#servers.get(target.server)
  }

  /** The processes that are measured. */
  get pids(): number[] {
    return [...this.#servers.values()].map(({ pid }) => pid)
  }

  load(target: Target, shape: RequestShape): LoadTarget {
    const port = target.server === 'direct' ? this.upstream.port : this.server(target)?.port
    if (port === undefined) throw new Error(`${target.name}: its server was not started`)
    return { port, request: requestBytes(target, shape, this.server(target)?.headers) }
  }

  /** Lets a window pass and says what the target's process spent in it. */
  async window(target: Target, seconds: number): Promise<Window> {
    const server = this.server(target)
    const clock = server ? new CpuClock(server.pid) : undefined
    const start = performance.now()
    await Bun.sleep(seconds * 1000)
    return {
      seconds: (performance.now() - start) / 1000,
      cpuMicroseconds: clock?.microseconds() ?? Number.NaN,
    }
  }
}

interface Window {
  seconds: number
  /** Of the measured process; NaN for `direct`. */
  cpuMicroseconds: number
}
