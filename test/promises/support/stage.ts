import { type GatewayOptions, type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { type Fields, parseJson } from '../../rig/json.ts'
import { startUpstream, type Upstream } from '../../rig/upstream.ts'
import { eventsOf, type Front, type WireEvent } from './fronts.ts'

/** A gateway between the clients of a test and the simulated vendors. */
export interface Stage {
  upstream: Upstream
  gateway: GatewayProcess
  close(): Promise<void>
}

/** The upstream dialects, each played by the vendor whose own dialect it is. */
export const upstreams = [
  { dialect: 'chat-completions', provider: 'openai', model: 'gpt-4.1' },
  { dialect: 'messages', provider: 'anthropic', model: 'claude-opus-4-6' },
  { dialect: 'generate-content', provider: 'gemini', model: 'gemini-2.5-flash' },
] as const

export interface StageOptions extends Omit<GatewayOptions, 'config'> {
  /** A TOML file, less `[auth] mode = "open"`. Tables first: it is put behind the top of the file. */
  toml?: string
}

export async function openStage({ toml = '', env = {}, ...rest }: StageOptions = {}): Promise<Stage> {
  const upstream = await startUpstream()
  const config = { name: 'xjp.toml', text: `[auth]\nmode = "open"\n${toml}` }
  const gateway = await startGateway({ ...rest, env: { ...upstream.environment, ...env }, config })
  return {
    upstream,
    gateway,
    close: async () => {
      gateway.kill('SIGKILL')
      await gateway.exited
      await upstream.close()
    },
  }
}

/** A model's routes as TOML: the first is the primary one, a second the fallback. */
export function modelToml(
  name: string,
  ...routes: readonly { provider: string; model: string; more?: string }[]
): string {
  return routes
    .map(
      ({ provider, model, more = '' }, index) =>
        `[models."${name}".${index === 0 ? 'primary' : 'fallback'}]\nprovider = "${provider}"\nprovider_model_id = "${model}"\n${more}\n`,
    )
    .join('')
}

/** What one request gave. */
export interface Seen {
  status: number
  headers: Headers
  text: string
  events: WireEvent[]
  /** The body as JSON; undefined when it is none. */
  json: unknown
  /** The body broke off against its own framing. */
  broken: boolean
  milliseconds: number
}

export interface Asked {
  model: string
  content: string
  stream: boolean
  headers?: Record<string, string>
  more?: Fields
  signal?: AbortSignal
}

/** One request through a gateway, read to its end. */
export async function ask(url: string, front: Front, asked: Asked): Promise<Seen> {
  const begun = performance.now()
  const response = await fetch(url + front.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...asked.headers },
    body: JSON.stringify({ ...front.body(asked.model, asked.content, asked.stream), ...asked.more }),
    ...(asked.signal ? { signal: asked.signal } : {}),
  })
  return seen(response, begun)
}

export async function seen(response: Response, begun = performance.now()): Promise<Seen> {
  const { bytes, broken } = await readBody(response)
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  return {
    status: response.status,
    headers: response.headers,
    text,
    events: isStream ? eventsOf(text) : [],
    json: isStream ? undefined : parseJson(text),
    broken,
    milliseconds: performance.now() - begun,
  }
}

async function readBody(response: Response): Promise<{ bytes: Uint8Array; broken: boolean }> {
  const pieces: Uint8Array[] = []
  try {
    for await (const piece of response.body ?? []) pieces.push(piece)
    return { bytes: Buffer.concat(pieces), broken: false }
  } catch {
    return { bytes: Buffer.concat(pieces), broken: true }
  }
}
