import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAccounts } from '../../../../src/accounts.ts'
import { load } from '../../../../src/config/load.ts'
import { problemReport } from '../../../../src/config/problem.ts'
import type { Gateway } from '../../../../src/endpoints/gateway.ts'
import { answer } from '../../../../src/endpoints/router.ts'
import { type IssuedKey, issueKey, type KeyWishes } from '../../../../src/keys/manage.ts'
import { createGateway } from '../../../../src/main.ts'
import { createOperations } from '../../../../src/operations.ts'
import { providers } from '../../../../src/providers/list.ts'
import type { Database } from '../../../../src/store/open.ts'
import { Logger } from '../../../../src/telemetry/log.ts'
import { Redactor } from '../../../../src/telemetry/redact.ts'
import { fixedServices } from '../../../providers/settings.ts'

/** A whole gateway inside this process, over SQLite: for tests of many requests, or of many addresses. */
export interface Desk {
  gateway: Gateway
  database: Database
  issue(wishes?: Partial<KeyWishes>): Promise<IssuedKey>
  /** Hands a request to the router, as if it came from this address. */
  ask(request: Request, address?: string): Promise<Response>
  /** Waits until the gateway knows every change. */
  settled(): Promise<void>
  close(): Promise<void>
}

export interface DeskOptions {
  mode?: 'keys' | 'open'
  toml?: string
  environment?: Record<string, string>
}

export async function openDesk({
  mode = 'keys',
  toml = '',
  environment = {},
}: DeskOptions = {}): Promise<Desk> {
  const folder = mkdtempSync(join(tmpdir(), 'xjp-desk-'))
  const file = join(folder, 'xjp.toml')
  await Bun.write(file, `[auth]\nmode = "${mode}"\n[rate_limiting]\ndefault_rpm = 10000000\n${toml}`)
  const loaded = load({ file, cwd: folder, environment, providers })
  if (!loaded.ok) throw new Error(problemReport(loaded.problems))
  const snapshot = () => loaded.snapshot
  const redactor = new Redactor()
  const log = new Logger({ level: 'error', format: 'json', stdout: false }, redactor)
  const accounts = await openAccounts({ snapshot, dataDirectory: join(folder, 'data'), log })
  const { database } = accounts
  if (!database) throw new Error('there is a data directory')
  await accounts.start()
  const own = createOperations({
    accounts,
    resilience: accounts.resilience,
    environment,
    config: () => ({ liveVersion: loaded.snapshot.version, loadedAt: 0 }),
    active: () => gateway.active.count,
    draining: () => gateway.draining,
    waiting: () => gateway.admission.waiting,
    shedding: () => gateway.shedding,
    lostLogLines: () => log.lost,
    escapedErrors: () => 0,
    droppedTelemetry: () => ({}),
    clean: (text) => redactor.text(text),
    version: 'tested',
    runtime: 'tested',
  })
  const gateway: Gateway = createGateway({
    snapshot,
    services: fixedServices,
    accounts,
    observers: [own.observer],
    operations: own.operations,
    log,
    redactor,
  })
  return {
    gateway,
    database,
    issue: (wishes = {}) =>
      issueKey(database.keys, { tenant: 'acme', ...wishes }, { random: randomBytes, now: Date.now }),
    ask: (request, address = '192.0.2.1') =>
      answer(gateway, request, { keepOpen: () => {}, clientAddress: () => address }),
    settled: () => accounts.identifier.refresh(),
    async close() {
      await accounts.stop(1_000)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
