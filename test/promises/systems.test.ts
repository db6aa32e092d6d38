import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type GatewayProcess, startGateway } from '../rig/gateway.ts'
import { bytesOf } from '../rig/http/reply.ts'
import { at, type Fields, fields, list, parseJson } from '../rig/json.ts'
import { PLAIN_TEXT } from '../rig/scene/scenes.ts'
import { startUpstream, type Upstream } from '../rig/upstream.ts'
import { keyOf } from '../rig/vendors.ts'
import { customFault } from './support/custom-fault.ts'
import { figure } from './support/figure.ts'
import { chatFront, eventsOf, type Front, messagesFront, textOfStream } from './support/fronts.ts'
import { ask, type Seen } from './support/stage.ts'

/** The three systems this gateway unites: their files as they stand, addresses and keys of upstreams aside. */

const examples = join(resolve(import.meta.dir, '../..'), 'examples')
const example = (path: string): string => readFileSync(join(examples, path), 'utf8')

let curlLines = 0

/** Runs a command line as it stands in a system's manual, at this gateway's address. */
async function shell(line: string, url: string): Promise<string> {
  const here = line.replaceAll(/http:\/\/(127\.0\.0\.1|localhost):(8080|8765)/g, url)
  const child = spawn('bash', ['-c', `${here.replace(/^curl/, 'curl -sS')}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const code = await new Promise<number | null>((done) => child.once('close', done))
  curlLines += 1
  if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`)
  return stdout
}

let upstream: Upstream
beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())

const vendorsAsked = (from: number): string[] =>
  upstream.ledger.entries.slice(from).map((entry) => entry.vendor)

describe('system A', () => {
  let gateway: GatewayProcess
  beforeAll(async () => {
    const config = { name: 'xjp.toml', text: example('system-a/xjp.toml') }
    gateway = await startGateway({ config, env: upstream.environment })
  })
  afterAll(() => gateway.stop())

  test('its curl line, streamed (chat completions, to OpenRouter)', async () => {
    const output = await shell(
      `curl -N http://127.0.0.1:8080/v1/chat/completions -H "Authorization: Bearer XJP_test_key" -H "Content-Type: application/json" \\
  -d '{"model":"claude-sonnet-4.5","messages":[{"role":"user","content":"用一句话介绍你自己"}],"stream":true}'`,
      gateway.url,
    )
    const events = eventsOf(output)
    expect(textOfStream(chatFront, events)).toBe(PLAIN_TEXT)
    expect(events.at(-1)?.data).toBe('[DONE]')
    expect(upstream.ledger.last.vendor).toBe('openrouter')
    expect(fields(upstream.ledger.last.json)['model']).toBe('anthropic/claude-3.5-sonnet')
    expect(JSON.stringify(upstream.ledger.last.headers)).not.toContain('XJP_test_key')
  })

  test('its curl line, whole (messages without max_tokens)', async () => {
    const output = await shell(
      `curl http://127.0.0.1:8080/v1/messages -H "x-api-key: XJP_test_key" -H "Content-Type: application/json" \\
  -d '{"model":"claude-sonnet-4.5","messages":[{"role":"user","content":"解释一下 SSE 是什么？"}],"stream":false}'`,
      gateway.url,
    )
    expect(parseJson(output)).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4.5',
      content: [{ type: 'text', text: PLAIN_TEXT }],
      stop_reason: 'end_turn',
    })
  })

  const fronts: readonly Front[] = [chatFront, messagesFront]
  test.each(fronts.map((front) => [front.name, front === chatFront, front] as const))(
    'falls back from OpenRouter to Vertex (%s, stream %p)',
    async (_, stream, front) => {
      const before = upstream.ledger.entries.length
      upstream.script.clear()
      upstream.script.add(...Array.from({ length: 4 }, () => ({ vendor: 'openrouter', scene: 'error@503' })))
      const seen = await ask(gateway.url, front, { model: 'claude-sonnet-4.5', content: 'hello', stream })
      upstream.script.clear()
      expect(seen.status).toBe(200)
      expect(seen.text).toContain('fox')
      expect(vendorsAsked(before)).toEqual(['openrouter', 'openrouter', 'openrouter', 'openrouter', 'vertex'])
      expect(upstream.ledger.last.path).toContain('/publishers/google/models/gemini-1.5-pro-002:')
      expect(seen.headers.get('x-xjp-attempts')).toBe('5')
    },
    30_000,
  )

  test('when both fail the client gets the primary’s error', async () => {
    upstream.script.clear()
    upstream.script.add(
      ...Array.from({ length: 4 }, () => ({ vendor: 'openrouter', scene: 'error@503' })),
      ...Array.from({ length: 4 }, () => ({ vendor: 'vertex', scene: 'error@500' })),
    )
    const asked = { model: 'claude-sonnet-4.5', content: 'hello', stream: false }
    const seen = await ask(gateway.url, chatFront, asked)
    upstream.script.clear()
    expect(seen.status).toBe(503)
    expect(chatFront.errorMessage(seen.json)).toContain('answer 503')
  }, 30_000)

  test('a route’s own region and project', async () => {
    const seen = await ask(gateway.url, chatFront, {
      model: 'gemini-1.5-pro',
      content: 'hello',
      stream: false,
    })
    expect(seen.status).toBe(200)
    expect(upstream.ledger.last.path).toMatch(
      /^\/vertex\/v1(beta1)?\/projects\/your-gcp-project\/locations\/us-central1\/publishers\/google\/models\/gemini-1\.5-pro-002:/,
    )
  })

  test('Clewdr', async () => {
    for (const front of fronts) {
      const seen = await ask(gateway.url, front, { model: 'my-clewdr-model', content: 'hello', stream: true })
      expect(seen.status).toBe(200)
      expect(upstream.ledger.last.vendor).toBe('clewdr')
    }
  })

  test('its list of models', async () => {
    const body = await (await fetch(`${gateway.url}/v1/models`)).json()
    expect(body).toMatchObject({ object: 'list' })
    expect(list(fields(body)['data']).map((model) => fields(model)['id'])).toEqual([
      'claude-sonnet-4.5',
      'gemini-1.5-pro',
      'my-clewdr-model',
    ])
  })
})

describe('system B', () => {
  let gateway: GatewayProcess
  let folder = ''
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'xjp-system-b-'))
    const text = example('system-b/config.yaml')
      .replace('https://api.moonshot.cn/v1', `${upstream.url}/moonshot/v1`)
      .replace('sk-xxx', keyOf('moonshot'))
      .replace(
        'model_map: { kimi-k2.5: kimi-k2.5 }',
        'model_map: { kimi-k2.5: kimi-k2.5, claude-alias: kimi-k2.5 }',
      )
      .replace('gpt-4o-mini: "GPT-4o Mini"', 'gpt-4o-mini: "GPT-4o Mini", rig-model: "The Rig"')
    const file = join(folder, 'config.yaml')
    writeFileSync(file, text)
    // The environment does not override its file.
    gateway = await startGateway({ env: { ...upstream.environment, CONFIG_PATH: file } })
  })
  afterAll(async () => {
    await gateway.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const askB = (content: unknown, more: Fields = {}): Promise<Seen> =>
    ask(gateway.url, messagesFront, {
      model: 'kimi-k2.5',
      content: '',
      stream: false,
      more: { messages: [{ role: 'user', content }], ...more },
    })

  test('its curl line: a tool that must be called, streamed', async () => {
    upstream.script.add({ scene: 'tool' })
    const output = await shell(
      `curl -N http://localhost:8080/v1/messages -H 'content-type: application/json' -d '{
  "model":"kimi-k2.5","max_tokens":128,"stream":true,
  "tools":[{"name":"get_weather","description":"获取指定城市天气","input_schema":{"type":"object","properties":{"location":{"type":"string"}},"required":["location"]}}],
  "tool_choice":{"type":"tool","name":"get_weather"},
  "messages":[{"role":"user","content":"北京天气怎么样？"}]}'`,
      gateway.url,
    )
    const events = eventsOf(output)
    expect(events[0]?.event).toBe('message_start')
    expect(events.at(-1)?.event).toBe('message_stop')
    expect(output).toContain('"type":"tool_use"')
    expect(output).toContain('"name":"get_weather"')
    expect(output).toContain('"stop_reason":"tool_use"')
    const sent = fields(upstream.ledger.last.json)
    expect(at(sent, 'tools', 0, 'function', 'name')).toBe('get_weather')
    expect(upstream.ledger.last.vendor).toBe('moonshot')
  })

  test('the list comes from the downstream, in Anthropic’s shape, with display names', async () => {
    const body = await (await fetch(`${gateway.url}/v1/models`)).json()
    const found = list(fields(body)['data']).find((model) => fields(model)['id'] === 'rig-model')
    expect(found).toEqual({
      type: 'model',
      id: 'rig-model',
      display_name: 'The Rig',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    })
    expect(fields(body)).toMatchObject({
      has_more: false,
      first_id: expect.any(String),
      last_id: expect.any(String),
    })
  })

  test('model_map', async () => {
    const seen = await askB('hello', { model: 'claude-alias' })
    expect(seen.status).toBe(200)
    expect(fields(seen.json)['model']).toBe('claude-alias')
    expect(fields(upstream.ledger.last.json)['model']).toBe('kimi-k2.5')
  })

  test('document_policy reject', async () => {
    const before = upstream.ledger.entries.length
    const source = { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0xLjQK' }
    const seen = await askB([
      { type: 'document', source },
      { type: 'text', text: 'read it' },
    ])
    expect(seen.status).toBe(400)
    expect(messagesFront.errorFault(seen.json)).toBeUndefined()
    expect(messagesFront.errorMessage(seen.json)).toMatch(/messages\[0\].*document/)
    expect(upstream.ledger.entries.length).toBe(before)
  })

  test('images are allowed', async () => {
    const source = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' }
    const seen = await askB([
      { type: 'image', source },
      { type: 'text', text: '[scene:media] look' },
    ])
    expect(seen.status).toBe(200)
    expect(messagesFront.answerText(seen.json)).toContain('image')
  })

  test.each([
    [1_024, 'low'],
    [3_999, 'low'],
    [4_000, 'medium'],
    [7_999, 'medium'],
    [8_000, 'high'],
    [32_000, 'high'],
  ])('thinking_map: a budget of %d is %s effort', async (budget_tokens, effort) => {
    const thinking = { type: 'enabled', budget_tokens }
    const seen = await askB('think', { model: 'gpt-5-mini', max_tokens: 64_000, thinking })
    expect({ status: seen.status, text: seen.text }).toEqual({ status: 200, text: seen.text })
    expect(fields(upstream.ledger.last.json)['reasoning_effort']).toBe(effort)
  })

  test('output_strict: an answer with content that has no place fails', async () => {
    const message = {
      role: 'assistant',
      content: 'look:',
      images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }],
    }
    const body = {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'kimi-k2.5',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
    }
    const fault = customFault({
      reply: (reply) => ({ ...reply, parts: [bytesOf(JSON.stringify(body))], framing: 'length' }),
    })
    const seen = await askB(`draw ${fault}`)
    expect(seen.status).toBeGreaterThanOrEqual(400)
    expect(messagesFront.errorFault(seen.json)).toBeUndefined()
    expect(messagesFront.errorMessage(seen.json)).toMatch(/no place for image/)
  })

  test('it keeps its log file', async () => {
    const deadline = performance.now() + 3_000
    const log = (): string => {
      try {
        return readFileSync(join(gateway.dataDirectory, 'logs/llm-gateway.log'), 'utf8')
      } catch {
        return ''
      }
    }
    while (!log().includes('kimi-k2.5') && performance.now() < deadline) await Bun.sleep(20)
    expect(log()).toContain('kimi-k2.5')
    expect(log()).not.toContain(keyOf('moonshot'))
  })
})

describe('system C', () => {
  let gateway: GatewayProcess
  const text = (): string =>
    example('system-c/models.json').replace('https://api.openai.com/v1', `${upstream.url}/openai/v1`)
  const env = { OPENAI_API_KEY: keyOf('openai') }
  beforeAll(async () => {
    gateway = await startGateway({ config: { name: 'models.json', text: text() }, env })
  })
  afterAll(() => gateway.stop())

  test('GET /health', async () => {
    const response = await fetch(`${gateway.url}/health`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ status: 'ok' })
  })

  test('GET /v1/models', async () => {
    expect(await (await fetch(`${gateway.url}/v1/models`)).json()).toEqual({
      object: 'list',
      data: [{ id: 'gpt-3.5-turbo', object: 'model', created: 0, owned_by: 'openai_compat' }],
    })
  })

  const both = [chatFront, messagesFront]
  test.each(both.map((front) => [front.name, front] as const))(
    'defaults fill what a request leaves out, and nothing more (%s)',
    async (_, front) => {
      const defaults = await ask(gateway.url, front, {
        model: 'gpt-3.5-turbo',
        content: 'hello',
        stream: false,
        more: { max_tokens: undefined },
      })
      expect(defaults.status).toBe(200)
      expect(fields(upstream.ledger.last.json)).toMatchObject({ temperature: 0.7, max_tokens: 2000 })
      const own = await ask(gateway.url, front, {
        model: 'gpt-3.5-turbo',
        content: 'hello',
        stream: false,
        more: { temperature: 0, max_tokens: 10 },
      })
      expect(own.status).toBe(200)
      expect(fields(upstream.ledger.last.json)).toMatchObject({ temperature: 0, max_tokens: 10 })
    },
  )

  test('without a key, streamed, with curl', async () => {
    const output = await shell(
      `curl -N http://127.0.0.1:8765/v1/chat/completions -H 'content-type: application/json' -d '{"model":"gpt-3.5-turbo","stream":true,"messages":[{"role":"user","content":"hi"}]}'`,
      gateway.url,
    )
    expect(textOfStream(chatFront, eventsOf(output))).toBe(PLAIN_TEXT)
  })

  test('a reference to a variable that is not there is a mistake of the file', async () => {
    const failed = await startGateway({ config: { name: 'models.json', text: text() } }).catch(
      (thrown: unknown) => thrown,
    )
    expect(String(failed)).toContain('ended with code 2')
    expect(String(failed)).toMatch(/models\.json:1:\d+.*OPENAI_API_KEY/s)
  })

  test('--port 8765 is the port', async () => {
    const args = ['--port', '0', '--port', '8765']
    const started = await startGateway({ config: { name: 'models.json', text: text() }, env, args }).catch(
      String,
    )
    if (typeof started === 'string') expect(started).toContain('8765')
    else {
      expect(new URL(started.url).port).toBe('8765')
      await started.stop()
    }
  })
})

afterAll(() =>
  figure('systems', { curl_lines: curlLines, upstream_requests: upstream.ledger.entries.length }),
)
