import type { JsonObject } from '../../src/protocol/model/json.ts'
import { type GatewayOptions, type GatewayProcess, startGateway } from '../rig/gateway.ts'
import { type Mock, type Received, type Script, startMock } from './mock.ts'

/** A gateway without a configuration file, and one upstream behind all of its providers. */
export interface Stage {
  mock: Mock
  gateway: GatewayProcess
  /** POSTs a body to a path of the gateway. */
  post(path: string, body: JsonObject, headers?: Record<string, string>): Promise<Reply>
  stop(): Promise<void>
}

export interface Reply {
  status: number
  headers: Headers
  text: string
  json: JsonObject
  /** What the upstream got for this request; empty when the gateway answered by itself. */
  upstream: Received[]
}

/** Every provider at the mock, under the path its vendor has. */
function environmentOf(url: string): Record<string, string> {
  return {
    OPENAI_BASE_URL: `${url}/openai/v1`,
    OPENAI_API_KEY: 'sk-o-0002',
    ANTHROPIC_BASE_URL: `${url}/anthropic`,
    ANTHROPIC_API_KEY: 'sk-a-0001',
    GEMINI_BASE_URL: `${url}/gemini`,
    GEMINI_API_KEY: 'sk-g-0003',
    VERTEX_BASE_URL: `${url}/vertex`,
    VERTEX_ACCESS_TOKEN: 'tk-v-0004',
    VERTEX_PROJECT: 'project-1',
    VERTEX_REGION: 'us-central1',
    OPENROUTER_BASE_URL: `${url}/openrouter/api/v1`,
    OPENROUTER_API_KEY: 'sk-r-0005',
    CLEWDR_BASE_URL: `${url}/clewdr`,
    CLEWDR_API_KEY: 'sk-c-0006',
    DEEPSEEK_BASE_URL: `${url}/deepseek`,
    DEEPSEEK_API_KEY: 'sk-d-0007',
    MOONSHOT_BASE_URL: `${url}/moonshot/v1`,
    MOONSHOT_API_KEY: 'sk-k-0008',
    GROQ_BASE_URL: `${url}/groq/openai/v1`,
    GROQ_API_KEY: 'sk-q-0009',
    MISTRAL_BASE_URL: `${url}/mistral/v1`,
    MISTRAL_API_KEY: 'sk-m-0010',
    XAI_BASE_URL: `${url}/xai/v1`,
    XAI_API_KEY: 'sk-x-0011',
  }
}

export async function openStage(options: GatewayOptions = {}): Promise<Stage> {
  const mock = startMock()
  const config = { name: 'xjp.toml', text: '[retry]\nbackoff_ms = 1\nmax_retries = 0\n' }
  const env = { ...environmentOf(mock.url), ...options.env }
  const gateway = await startGateway({ config, ...options, env })
  return {
    mock,
    gateway,
    async post(path, body, headers = {}) {
      const before = mock.received.length
      const response = await fetch(gateway.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
      const text = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: text.startsWith('{') ? (JSON.parse(text) as JsonObject) : {},
        upstream: mock.received.slice(before),
      }
    },
    async stop() {
      await gateway.stop()
      mock.stop()
    },
  }
}

/** Runs with the upstream answering as the script says. */
export async function scripted<T>(stage: Stage, script: Script, run: () => Promise<T>): Promise<T> {
  stage.mock.answer(script)
  try {
    return await run()
  } finally {
    stage.mock.answer(undefined)
  }
}
