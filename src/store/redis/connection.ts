import { RESP_TYPES } from '@redis/client'
import type { StoreHealth } from '../ports/shared-state.ts'
import { StoreUnavailable } from '../ports/unavailable.ts'
import { openClient, type RedisClient, reasonOf, within } from './open-client.ts'
import { PendingCommands } from './pending.ts'
import type { Script } from './script.ts'

export interface RedisOptions {
  /** `redis://[user:password@]host:port/database`, `rediss://` with TLS. */
  url: string
  /** Every name begins with it. */
  prefix: string
  commandTimeoutMs: number
  /** Milliseconds since 1970. */
  now(): number
  /** Told of every change, and of nothing else. */
  onChange?(health: StoreHealth): void
}

export interface CommandOptions {
  /** Texts in the answer come as bytes. */
  binary?: boolean
}

type Argument = string | Uint8Array

/** Beyond it commands are refused: a server that answers slowly must not cost us memory. */
const MAXIMUM_PENDING = 10_000
/** A probe waits this long for a connection; a frozen server that wakes meanwhile is there at once. */
const CONNECT_MILLISECONDS = 500
const PROBE_PAUSE_MILLISECONDS = 200
/** A server that fails again and again right after it came back is asked less often, but never seldom. */
const MAXIMUM_PAUSE_MILLISECONDS = 1_600
const STEADY_MILLISECONDS = 5_000
/** Without traffic a loss would only be found by the next call; `/readyz` says it before. */
const HEARTBEAT_MILLISECONDS = 500

/** Answers that say the server as a whole cannot do what it is for. */
const UNABLE =
  /^(OOM|READONLY|LOADING|MISCONF|MASTERDOWN|BUSY|NOAUTH|WRONGPASS|NOPERM|NOREPLICAS|CLUSTERDOWN|TRYAGAIN)\b/

const asBytes = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }

/**
 * One connection to Redis that never makes anyone wait longer than one command time-out. After the first command that
 * is not answered in time everything fails at once (`StoreUnavailable`), the connection is thrown away with whatever
 * may still come out of it, and a probe in the background tries new ones until one answers in time.
 */
export class RedisConnection {
  readonly #options: RedisOptions
  readonly #pending: PendingCommands
  #client: RedisClient | undefined
  #health: StoreHealth
  #closed = false
  #upSince = 0
  #pause = PROBE_PAUSE_MILLISECONDS
  #wake: (() => void) | undefined
  /** The server's milliseconds since 1970 less our monotonic ones. */
  #offset: number
  readonly #heartbeat: ReturnType<typeof setInterval>
  readonly #listeners = new Set<(health: StoreHealth) => unknown>()

  constructor(options: RedisOptions) {
    this.#options = options
    this.#health = { store: 'redis', up: false, since: options.now(), reason: 'not connected yet' }
    this.#offset = options.now() - performance.now()
    this.#pending = new PendingCommands({
      monotonic: () => performance.now(),
      late: () => unavailable(this.#lateReason),
      onSilence: () => this.#fail(this.#lateReason),
    })
    this.#heartbeat = setInterval(() => {
      if (this.isUp && this.#pending.size === 0) this.run(['PING']).catch(() => {})
    }, HEARTBEAT_MILLISECONDS)
    this.#heartbeat.unref?.()
    void this.#probe()
  }

  get #lateReason(): string {
    return `no answer within ${this.#options.commandTimeoutMs} ms`
  }

  get prefix(): string {
    return this.#options.prefix
  }

  get url(): string {
    return this.#options.url
  }

  get isUp(): boolean {
    return this.#client !== undefined
  }

  health(): StoreHealth {
    return this.#health
  }

  /** Tells of every change from now on; gives the way to stop. */
  onHealth(listener: (health: StoreHealth) => unknown): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The server's clock, in milliseconds since 1970: never ahead of it, and behind by an answer's way at the most. */
  serverNow(): number {
    return performance.now() + this.#offset
  }

  /** Answers that carry the server's time keep our idea of it. */
  noteServerTime(milliseconds: number): void {
    this.#offset = milliseconds - performance.now()
  }

  /** Sends one command. Rejects with `StoreUnavailable` in every case but that of a command the server calls wrong. */
  run<Answer>(command: readonly Argument[], options: CommandOptions = {}): Promise<Answer> {
    return this.#send(command, this.#options.commandTimeoutMs, options) as Promise<Answer>
  }

  /** Runs a script, by its hash where the server knows it; the SCRIPT command, which may be forbidden, is not used. */
  async evalScript<Answer>(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    options: CommandOptions = {},
  ): Promise<Answer> {
    const rest = [String(keys.length), ...keys, ...args]
    const time = this.#options.commandTimeoutMs
    try {
      return (await this.#send(['EVALSHA', script.sha, ...rest], time, options)) as Answer
    } catch (thrown) {
      if (!(thrown instanceof Error && thrown.message.startsWith('NOSCRIPT'))) throw thrown
    }
    return (await this.#send(['EVAL', script.text, ...rest], time, options)) as Answer
  }

  /** Makes a script known to the server, so that the first ones to run it need not send it. `args` make it do nothing. */
  loadScript(script: Script, args: readonly string[]): void {
    this.run(['EVAL', script.text, '0', ...args]).catch(() => {})
  }

  async #send(command: readonly Argument[], milliseconds: number, options: CommandOptions): Promise<unknown> {
    const client = this.#client
    if (!client) throw unavailable(this.#health.reason ?? 'not connected')
    if (this.#pending.size >= MAXIMUM_PENDING) throw unavailable('too many commands wait for their answers')
    const sent = client.sendCommand(command as (string | Buffer)[], options.binary ? asBytes : undefined)
    try {
      return await this.#pending.add(sent, milliseconds)
    } catch (thrown) {
      if (thrown instanceof StoreUnavailable) throw thrown
      const reason = reasonOf(thrown)
      if (client !== this.#client) throw unavailable(this.#health.reason ?? reason)
      if (!UNABLE.test(reason)) throw thrown
      this.#fail(reason)
      throw unavailable(reason)
    }
  }

  /** Everything that waits fails now, and everything that comes fails at once. */
  #fail(reason: string): void {
    const client = this.#client
    if (!client) return
    this.#client = undefined
    this.#note(false, reason)
    client.destroy()
    this.#pending.failAll(unavailable(reason))
    const steady = performance.now() - this.#upSince > STEADY_MILLISECONDS
    this.#pause = steady ? PROBE_PAUSE_MILLISECONDS : Math.min(this.#pause * 2, MAXIMUM_PAUSE_MILLISECONDS)
    void this.#probe(this.#pause)
  }

  async #probe(pause = 0): Promise<void> {
    if (pause > 0) await this.#sleep(pause)
    while (!this.#closed && !this.#client) {
      try {
        await this.#open()
      } catch (thrown) {
        // The first reason tells most, but what a new connection meets is the state now.
        if (!this.#closed) this.#note(false, reasonOf(thrown))
        await this.#sleep(PROBE_PAUSE_MILLISECONDS)
      }
    }
  }

  /** A new connection counts when the server tells the time and takes a write, each within one time-out. */
  async #open(): Promise<void> {
    const { url, prefix, commandTimeoutMs } = this.#options
    let alive = true
    const client = await openClient(url, Math.max(CONNECT_MILLISECONDS, 2 * commandTimeoutMs), (reason) => {
      alive = false
      if (client === this.#client) this.#fail(reason)
    })
    try {
      const late = this.#lateReason
      const time = await within(client.sendCommand<[string, string]>(['TIME']), commandTimeoutMs, late)
      this.noteServerTime(Number(time[0]) * 1000 + Number(time[1]) / 1000)
      await within(client.sendCommand(['SET', `${prefix}up`, '1', 'PX', '60000']), commandTimeoutMs, late)
      if (!alive) throw new Error('the connection was closed')
    } catch (thrown) {
      client.destroy()
      throw thrown
    }
    if (this.#closed) return client.destroy()
    this.#client = client
    this.#upSince = performance.now()
    this.#note(true)
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #note(up: boolean, reason?: string): void {
    const known = this.#health
    const changed = known.up !== up
    const since = changed ? this.#options.now() : known.since
    this.#health = { store: 'redis', up, since, ...(reason === undefined ? {} : { reason }) }
    // A start without Redis is worth a word too, and once is enough.
    if (!changed && known.reason !== 'not connected yet') return
    this.#options.onChange?.(this.#health)
    for (const listener of this.#listeners) listener(this.#health)
  }

  /** Nothing waits afterwards. Harmless when repeated. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#heartbeat)
    this.#wake?.()
    const client = this.#client
    this.#client = undefined
    client?.destroy()
    this.#pending.failAll(unavailable('closed'))
    this.#health = { store: 'redis', up: false, since: this.#options.now(), reason: 'closed' }
  }
}

function unavailable(reason: string): StoreUnavailable {
  return new StoreUnavailable('redis', `Redis cannot be asked: ${reason}`)
}
