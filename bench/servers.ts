import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort, type Server, startChild } from './child.ts'
import { descendant } from './process-usage.ts'

export const root = resolve(import.meta.dir, '..')
const ADDRESS = /http:\/\/127\.0\.0\.1:(\d+)/

/** What can stand between a client and the scripted upstream. */
export type ServerKind = 'pipe' | 'nginx' | 'gateway' | 'accounts' | 'unwatched' | 'watched'

const START: Record<ServerKind, (upstreamPort: number) => Promise<Server>> = {
  pipe: startPipe,
  nginx: startNginx,
  gateway: startGateway,
  accounts: startAccounts,
  unwatched: startUnwatched,
  watched: startWatched,
}

/** Why a kind cannot be measured on this machine. */
export function missing(kind: ServerKind): string | undefined {
  return kind === 'nginx' && Bun.which('nginx') === null ? 'nginx: not installed' : undefined
}

export function startServer(kind: ServerKind, upstreamPort: number): Promise<Server> {
  return START[kind](upstreamPort)
}

function startPipe(upstreamPort: number): Promise<Server> {
  return startChild({
    command: [process.execPath, join(root, 'bench/pipe.ts'), String(upstreamPort)],
    environment: { BUN_CONFIG_MAX_HTTP_REQUESTS: '65535' },
    ready: ADDRESS,
  })
}

async function startNginx(upstreamPort: number): Promise<Server> {
  const prefix = mkdtempSync(join(tmpdir(), 'xjp-bench-nginx-'))
  const port = freePort()
  const file = join(prefix, 'nginx.conf')
  writeFileSync(
    file,
    readFileSync(join(root, 'bench/nginx.conf'), 'utf8')
      .replace('127.0.0.1:LISTEN_PORT', `127.0.0.1:${port}`)
      .replace('127.0.0.1:UPSTREAM_PORT', `127.0.0.1:${upstreamPort}`),
  )
  const server = await startChild({ command: ['nginx', '-p', prefix, '-c', file, '-e', 'stderr'], port })
  return {
    ...server,
    async stop() {
      await server.stop()
      rmSync(prefix, { recursive: true, force: true })
    },
  }
}

/** The gateway as a newcomer starts it: no file, providers from the environment, no keys, nothing written. */
function startGateway(upstreamPort: number): Promise<Server> {
  return serve(upstreamPort, ['--open'])
}

/** No limit of the metered key is ever reached, but each is counted. */
const KEY_LIMITS = [
  ...['--rpm', '100000000', '--rpd', '1000000000', '--tpm', '1000000000', '--concurrency', '100000'],
  ...['--quota-tokens-daily', '1000000000000', '--budget-daily', '1000000'],
]
const ACCOUNTS_CONFIG = `
[auth]
mode = "keys"
[prices."openai/bench"]
input = 0.15
output = 0.6
`

/** The gateway as a team runs it: a key with every kind of limit, prices, the journal and the database. */
async function startAccounts(upstreamPort: number): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'xjp-bench-accounts-'))
  const config = join(folder, 'xjp.toml')
  writeFileSync(config, ACCOUNTS_CONFIG)
  const made = spawnSync(
    'node',
    [join(root, 'bin/xjp-gateway.mjs'), 'keys', 'create', '--tenant', 'bench', ...KEY_LIMITS].concat(
      '--data-dir',
      folder,
      '--json',
    ),
    { encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`no key could be made: ${made.stderr}`)
  const { key } = JSON.parse(made.stdout) as { key: string }
  const server = await serve(upstreamPort, ['--config', config, '--data-dir', folder])
  return {
    ...server,
    headers: `authorization: Bearer ${key}\r\n`,
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const UNWATCHED_CONFIG = `
[models."openai/bench".primary]
provider = "openai"
provider_model_id = "bench"
[observability]
metrics = false
logging = { level = "error", stdout = false }
`

/** One route, and nothing that shows what happens. */
function startUnwatched(upstreamPort: number): Promise<Server> {
  return serveWith(upstreamPort, UNWATCHED_CONFIG, async () => {})
}

/** Two routes chosen by their times, sticky, with circuits; log, metrics, every call traced. */
const watchedConfig = (collector: string): string => `
[models."openai/bench"]
balance = "latency"
sticky = true
[[models."openai/bench".routes]]
provider = "openai"
provider_model_id = "bench"
[[models."openai/bench".routes]]
provider = "second"
provider_model_id = "bench"
[providers.second]
type = "openai"
base_url = "ENV:SECOND_BASE_URL"
api_key = "bench-second"
[circuit]
failure_threshold = 5
[observability]
logging = { file = "requests.log", stdout = false }
otlp_http = { base_url = "${collector}" }
exporters = { tracing = "otlp_http" }
`

/** The collector takes everything in and says so; it runs on the rig's core. */
function startWatched(upstreamPort: number): Promise<Server> {
  const collector = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      await request.arrayBuffer()
      return new Response(new Uint8Array(0), { headers: { 'content-type': 'application/x-protobuf' } })
    },
  })
  const config = watchedConfig(`http://127.0.0.1:${collector.port}`)
  return serveWith(upstreamPort, config, () => collector.stop(true))
}

/** A gateway in open mode with a configuration file of its own. */
async function serveWith(upstreamPort: number, text: string, end: () => Promise<void>): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'xjp-bench-file-'))
  const config = join(folder, 'xjp.toml')
  writeFileSync(config, text)
  const server = await serve(upstreamPort, ['--open', '--config', config])
  return {
    ...server,
    async stop() {
      await server.stop()
      await end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function serve(upstreamPort: number, args: readonly string[]): Promise<Server> {
  const upstream = `http://127.0.0.1:${upstreamPort}`
  const server = await startChild({
    command: [
      'node',
      join(root, 'bin/xjp-gateway.mjs'),
      'serve',
      ...['--port', '0', '--host', '127.0.0.1', ...args],
    ],
    environment: {
      NODE_ENV: 'production',
      OPENAI_BASE_URL: `${upstream}/v1`,
      OPENAI_API_KEY: 'bench',
      SECOND_BASE_URL: `${upstream}/v1`,
      ANTHROPIC_BASE_URL: upstream,
      ANTHROPIC_API_KEY: 'bench',
      GEMINI_BASE_URL: upstream,
      GEMINI_API_KEY: 'bench',
    },
    ready: ADDRESS,
  })
  const pid = descendant(server.pid, 'bun')
  if (pid === undefined) {
    await server.stop()
    throw new Error('the gateway started, but no process named "bun" was found below its launcher')
  }
  return { ...server, pid }
}
