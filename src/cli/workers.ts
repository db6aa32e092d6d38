import type { Snapshot } from '../config/snapshot.ts'
import { mergeStatus } from '../endpoints/merge-status.ts'
import type { Operations, Status } from '../endpoints/operations.ts'
import type { OwnOperations } from '../operations.ts'
import { isPortTaken } from '../platform/serve.ts'
import { startWorker } from '../platform/worker-process.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Family } from '../telemetry/metrics/family.ts'
import { merge } from '../telemetry/metrics/merge.ts'
import type { CommandIo } from './config.ts'
import type { WorkerLink } from './worker-link.ts'
import { Supervisor } from './worker-supervisor.ts'

/** Why several workers would not do what this configuration promises; undefined when they do. */
export function workersTrouble({ auth, redis }: Snapshot, workers: number): string | undefined {
  if (workers === 1 || auth.mode === 'open' || redis.url !== undefined) return undefined
  return `${workers} workers share limits, idempotency keys and cool-downs over Redis: set REDIS_URL (or redis.url), or start one worker. Only a gateway that asks for no keys (--open) may do without.`
}

/** Runs so many workers until all have ended; gives the exit code. */
export async function superviseWorkers(
  workers: number,
  { server: { host, port } }: Snapshot,
  log: Logger,
  io: CommandIo,
): Promise<number> {
  const taken = isPortTaken(host, port)
  if (taken !== undefined) {
    io.stderr(`xjp-gateway: cannot listen on ${host}:${port}: ${taken}\n`)
    return 1
  }
  const supervisor = new Supervisor({
    count: workers,
    start: startWorker,
    now: () => performance.now(),
    after(milliseconds, wake) {
      const timer = setTimeout(wake, milliseconds)
      return () => clearTimeout(timer)
    },
    onReady: (url) => io.stdout(`xjp-gateway is ready at ${url}\n`),
    log,
  })
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)
    process.on(signal, () => supervisor.signal(signal))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => supervisor.stop('SIGTERM'))
  const code = await supervisor.run()
  await log.flush()
  return code
}

/** What one worker knows, put together with what the others do. */
export function ofAllWorkers(own: OwnOperations, link: WorkerLink): Operations {
  link.answerWith((topic) => (topic === 'metrics' ? own.collect() : own.status()))
  return {
    ...own.operations,
    async metrics() {
      const gathered = await link.gather('metrics')
      if (!gathered) return own.collect()
      const workers = gathered.told.map(({ worker, value }) => ({ worker, families: value as Family[] }))
      return merge(workers, gathered.retired)
    },
    async status() {
      const gathered = await link.gather('status')
      return mergeStatus((gathered?.told ?? []).map(({ value }) => value as Status)) ?? own.status()
    },
  }
}
