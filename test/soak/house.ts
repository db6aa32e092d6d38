import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { newKey } from '../../src/keys/key-format.ts'
import { issueKey } from '../../src/keys/manage.ts'
import { type Database, openDatabase } from '../../src/store/open.ts'
import { Probe } from '../promises/load/support/probe.ts'
import { type GatewayProcess, startGateway } from '../rig/gateway.ts'
import { startUpstream, type Upstream } from '../rig/upstream.ts'
import { type OwnPostgres, ownPostgres } from '../support/services/postgres.ts'
import { removeFolder, temporaryFolder } from '../support/services/processes.ts'
import { type OwnRedis, ownRedis } from '../support/services/redis.ts'
import { sweepProcess } from '../support/services/sweeper.ts'
import { type Collector, startCollector } from './faults/collector.ts'
import { addScenes } from './load/scenes.ts'
import { gatewayToml, limitsOf } from './settings.ts'
import { LogReader } from './watch/log-reader.ts'

/** Everything that a soak needs, running. */
export interface House {
  upstream: Upstream
  postgres: OwnPostgres
  redis: OwnRedis
  collector: Collector
  gateway: GatewayProcess
  log: LogReader
  /** In the gateway's own process. */
  probe: Probe
  /** Of the same PostgreSQL, for reading what arrived. */
  database: Database
  /** One for each tenant. */
  keys: string[]
  /** One that looks right and is nobody's. */
  strangersKey: string
  /** Ends the gateway as an operator would; its exit code. */
  stopGateway(): Promise<number | null>
  close(): Promise<void>
}

export async function openHouse(tenants: number): Promise<House> {
  addScenes()
  const folder = temporaryFolder('soak')
  const [upstream, postgres, redis, collector] = await Promise.all([
    startUpstream(),
    ownPostgres(),
    ownRedis(),
    startCollector(),
  ])
  const database = openDatabase({ url: postgres.url, poolSize: 2, timeoutMs: 20_000 })
  const random = { random: randomBytes, now: Date.now }
  const keys: string[] = []
  for (let number = 0; number < tenants; number += 1) {
    const wishes = { tenant: `tenant-${number}`, unlimitedRequests: true, limits: limitsOf(number) }
    keys.push((await issueKey(database.keys, wishes, random)).key)
  }
  const log = new LogReader()
  const probe = new Probe()
  const gateway = await startGateway({
    dataDirectory: join(folder, 'data'),
    env: { ...upstream.environment, ...probe.environment, DATABASE_URL: postgres.url, REDIS_URL: redis.url },
    config: { name: 'xjp.toml', text: gatewayToml(tenants, collector.url, join(folder, 'gateway.log')) },
    onOutput: (text) => log.add(text),
  })
  sweepProcess(gateway.pid)
  return {
    upstream,
    postgres,
    redis,
    collector,
    gateway,
    log,
    probe,
    database,
    keys,
    strangersKey: newKey(randomBytes),
    stopGateway: () => gateway.stop(),
    async close() {
      gateway.kill('SIGKILL')
      await gateway.exited
      await database.close()
      await Promise.all([upstream.close(), postgres.close(), redis.close(), collector.close()])
      probe.close()
      removeFolder(folder)
    },
  }
}
