import type { GatewayProcess } from '../../../rig/gateway.ts'
import { startGateway } from '../../../rig/gateway.ts'
import type { Entry } from '../../../rig/ledger.ts'
import { startUpstream, type Upstream } from '../../../rig/upstream.ts'
import type { Front } from '../../support/fronts.ts'
import { type Asked, ask, modelToml, type Seen, upstreams } from '../../support/stage.ts'

/** Gateways that share one upstream and, when it is given, one Redis. */
export interface Replicas {
  upstream: Upstream
  gateways: GatewayProcess[]
  /** Starts one more, with a data directory of its own or an earlier one's. */
  add(dataDirectory?: string): Promise<GatewayProcess>
  close(): Promise<void>
}

export interface ReplicasOptions {
  count?: number
  redisUrl?: string
  /** Lines of TOML tables behind the usual ones. */
  toml?: string
  mode?: 'open' | 'keys'
  dataDirectory?: string
  env?: Record<string, string>
  /** Long by default: tests share their machine, and only some ask what becomes of a Redis that is slow. */
  commandTimeoutMs?: number
}

let serial = 0

export async function openReplicas(options: ReplicasOptions = {}): Promise<Replicas> {
  const upstream = await startUpstream()
  const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
  // Tests that share a server keep apart by their names.
  const redis =
    options.redisUrl === undefined
      ? ''
      : `[redis]\nprefix = "idem-${process.pid}-${(serial += 1)}:"\ncommand_timeout_ms = ${options.commandTimeoutMs ?? 3_000}\n`
  const text = `[auth]\nmode = "${options.mode ?? 'open'}"\n${redis}${models.join('')}${options.toml ?? ''}`
  const gateways: GatewayProcess[] = []
  const replicas: Replicas = {
    upstream,
    gateways,
    async add(dataDirectory = options.dataDirectory) {
      const gateway = await startGateway({
        config: { name: 'xjp.toml', text },
        env: {
          ...upstream.environment,
          ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
          ...options.env,
        },
        ...(dataDirectory === undefined ? {} : { dataDirectory }),
      })
      gateways.push(gateway)
      return gateway
    },
    async close() {
      for (const gateway of gateways) gateway.kill('SIGKILL')
      await Promise.all(gateways.map((gateway) => gateway.exited))
      await upstream.close()
    },
  }
  for (let number = 0; number < (options.count ?? 1); number += 1) await replicas.add()
  return replicas
}

/** A request with a key. */
export function keyed(url: string, front: Front, key: string, asked: Asked): Promise<Seen> {
  return ask(url, front, { ...asked, headers: { ...asked.headers, 'idempotency-key': key } })
}

export function isReplay(seen: Seen): boolean {
  return seen.headers.get('idempotency-replayed') === 'true'
}

/** The code in an error body of either dialect, or what it says when it has none. */
export function codeOf(seen: Seen): string {
  const error = (seen.json as { error?: { code?: unknown; message?: unknown } } | undefined)?.error
  return String(error?.code ?? error?.message ?? '')
}

/** Waits until it holds, at most `ms`. */
export async function until(holds: () => Promise<boolean> | boolean, ms = 10_000): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`it did not come to hold within ${ms} ms`)
    await Bun.sleep(10)
  }
}

/** How many of these executions ran at the same time at most; times are when they came and ended at the upstream. */
export function overlap(spans: readonly { from: number; to: number }[]): number {
  const changes = spans.flatMap(({ from, to }) => [
    { at: from, by: 1 },
    { at: to, by: -1 },
  ])
  changes.sort((one, other) => one.at - other.at || one.by - other.by)
  let running = 0
  return changes.reduce((most, { by }) => {
    running += by
    return Math.max(most, running)
  }, 0)
}

/** Notes when executions of a word begin and end at the upstream. */
export function watchSpans(upstream: Upstream, word: string): { from: number; to: number; entry: Entry }[] {
  const spans: { from: number; to: number; entry: Entry }[] = []
  const { ledger } = upstream
  const changed = ledger.changed.bind(ledger)
  ledger.changed = () => {
    changed()
    for (const entry of ledger.withText(word)) {
      const known = spans.find((span) => span.entry === entry)
      if (!known) spans.push({ from: performance.now(), to: Number.POSITIVE_INFINITY, entry })
      else if (entry.ended !== undefined && known.to === Number.POSITIVE_INFINITY)
        known.to = performance.now()
    }
  }
  return spans
}
