import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runKeysCommand } from '../../../../src/cli/keys.ts'
import { type IssuedKey, issueKey, type KeyWishes } from '../../../../src/keys/manage.ts'
import { providers } from '../../../../src/providers/list.ts'
import { type Database, openDatabase } from '../../../../src/store/open.ts'
import { type GatewayProcess, startGateway } from '../../../rig/gateway.ts'
import { startUpstream, type Upstream } from '../../../rig/upstream.ts'
import { modelToml, upstreams } from '../../support/stage.ts'

export interface OfficeOptions {
  replicas?: number
  /** A PostgreSQL; without one SQLite in the data directory of the only replica. */
  databaseUrl?: string
  redisUrl?: string
  /** Of all names in Redis. */
  prefix?: string
  /** More lines of `[redis]`. */
  redisToml?: string
  /** Tables of TOML behind the usual ones. */
  toml?: string
  env?: Record<string, string>
}

/** Gateways that ask for keys, the database where their keys are, and one who hands keys out. */
export interface Office {
  upstream: Upstream
  gateways: GatewayProcess[]
  database: Database
  /** Of all names in Redis. */
  prefix: string
  /** Makes a key beside the running gateways. */
  issue(wishes?: Partial<KeyWishes>): Promise<IssuedKey>
  /** The command line, beside the running gateways: what it prints, read as JSON. */
  keys(...args: string[]): Promise<unknown>
  /** One more gateway, with a data directory of its own or an earlier one's. */
  add(dataDirectory?: string, env?: Record<string, string>): Promise<GatewayProcess>
  close(): Promise<void>
}

export async function openOffice(options: OfficeOptions = {}): Promise<Office> {
  const { replicas = 1, databaseUrl, redisUrl, redisToml = '', toml = '' } = options
  const folder = mkdtempSync(join(tmpdir(), 'xjp-office-'))
  const dataDir = join(folder, 'data')
  const upstream = await startUpstream()
  const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
  const { prefix = `keys-${randomBytes(4).toString('hex')}:` } = options
  const shared = redisUrl === undefined ? '' : `[redis]\nprefix = "${prefix}"\n${redisToml}`
  const text = `[auth]\nmode = "keys"\n[rate_limiting]\ndefault_rpm = 1000000\n${shared}${models.join('')}${toml}`
  // Where the command line looks for it.
  writeFileSync(join(folder, 'xjp.toml'), text)
  const stores = {
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
  }
  const gateways: GatewayProcess[] = []
  const add = async (directory?: string, env: Record<string, string> = {}): Promise<GatewayProcess> => {
    const gateway = await startGateway({
      config: { name: 'xjp.toml', text },
      env: { ...upstream.environment, ...stores, ...options.env, ...env },
      dataDirectory:
        directory ?? (databaseUrl === undefined ? dataDir : join(folder, `data-${gateways.length}`)),
    })
    gateways.push(gateway)
    return gateway
  }
  for (let number = 0; number < replicas; number++) await add()
  const common = { poolSize: 2, timeoutMs: 5_000 }
  const database = openDatabase(
    databaseUrl === undefined ? { ...common, dataDir } : { ...common, url: databaseUrl },
  )
  return {
    upstream,
    gateways,
    database,
    prefix,
    add,
    issue: (wishes = {}) =>
      issueKey(database.keys, { tenant: 'acme', ...wishes }, { random: randomBytes, now: Date.now }),
    async keys(...args) {
      let [stdout, stderr] = ['', '']
      const io = {
        env: { ...upstream.environment, ...stores },
        cwd: folder,
        stdout: (more: string) => void (stdout += more),
        stderr: (more: string) => void (stderr += more),
      }
      const code = await runKeysCommand([...args, '--json'], io, providers)
      if (code !== 0) throw new Error(`keys ${args.join(' ')}: ${stderr}`)
      return JSON.parse(stdout)
    },
    async close() {
      for (const gateway of gateways) gateway.kill('SIGKILL')
      await Promise.all(gateways.map((gateway) => gateway.exited))
      await database.close()
      await upstream.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export const chat = (model = 'chat-completions', more: Record<string, unknown> = {}): RequestInit => ({
  method: 'POST',
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], ...more }),
})

/** One request with a key; the status, the error's code, and the body read to its end. */
export async function callAs(
  url: string,
  key: string | undefined,
  path = '/v1/models',
  init: RequestInit = {},
): Promise<{ status: number; code: string; text: string; headers: Headers }> {
  const response = await fetch(url + path, {
    ...init,
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(init.headers as Record<string, string> | undefined),
    },
  })
  const text = await response.text()
  return { status: response.status, code: codeOf(text), text, headers: response.headers }
}

/** The machine's word in an error body of either dialect. */
export function codeOf(text: string): string {
  const code = /"code":"([a-z_]+)"/.exec(text)?.[1]
  return code ?? /"error":\{[^}]*"type":"([a-z_]+)"/.exec(text)?.[1] ?? ''
}
