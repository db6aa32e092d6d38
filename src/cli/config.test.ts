import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaksIn } from '../config/testing/canaries.ts'
import { fakeProviders } from '../config/testing/fake-providers.ts'
import { runConfigCommand } from './config.ts'

const GOOD = `[server]
port = 9000
[providers.openai]
api_key = "sk-canary-Q7fJ2mXv9Lp4Rt8W"
[providers.openrouter]
api_key = "ENV:SOME_KEY"
[models."claude-sonnet-4.5".primary]
provider = "OpenRouter"
provider_model_id = "anthropic/claude"
[models."claude-sonnet-4.5".fallback]
provider = "openai"
provider_model_id = "gpt"
[models.hidden.primary]
provider = "openai"
provider_model_id = "gpt"
[model_list]
block = ["hidden"]
`
const BAD = `[server]
prot = 9000
[providers.openai]
api_key = ""
[models.m.primary]
provider = "OpenRoutr"
provider_model_id = "a"
`
/** Everything a route can have. */
const ROUTES = `[models.chat]
aliases = ["fast"]
sticky = true
deadline_ms = 9000
hedge = { after_ms = 1500, budget = 0.02 }
[[models.chat.routes]]
provider = "openai"
provider_model_id = "gpt-4.1"
weight = 3
circuit = { failure_threshold = 3 }
[[models.chat.routes]]
provider = "vertex"
provider_model_id = "gemini"
region = "eu"
retry = { max_retries = 0 }
circuit = { enabled = false }
when = { tenants = ["gold*", "x"], tags = { team = "search" }, stream = true }
[models."gpt-*"]
balance = "price"
primary = { provider = "openai", provider_model_id = "gpt-*" }
fallback = { provider = "openrouter", provider_model_id = "openai/gpt-*" }
[providers.openai]
credentials = [{ name = "a", api_key = "sk-canary-Q7fJ2mXv9Lp4Rt8W", concurrency = 5 }, { api_key = "ENV:SOME_KEY" }]
[providers.vertex]
access_token = "ENV:SOME_KEY"
[prices."openai/*"]
input = "0.15"
output = "2"
`

let cwd = ''
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'xjp-cli-'))
  writeFileSync(join(cwd, 'good.toml'), GOOD)
  writeFileSync(join(cwd, 'bad.toml'), BAD)
  writeFileSync(join(cwd, 'routes.toml'), ROUTES)
})
afterAll(() => rmSync(cwd, { recursive: true }))

const environment = { SOME_KEY: 'plainwordcanaryzebrafish' }

async function run(args: readonly string[], env: Record<string, string> = environment) {
  let out = ''
  let error = ''
  const io = {
    env,
    cwd,
    stdout: (text: string) => void (out += text),
    stderr: (text: string) => void (error += text),
  }
  const code = await runConfigCommand(args, io, fakeProviders)
  expect(leaksIn(out + error)).toEqual([])
  return { code, out, error }
}

describe('config check', () => {
  test('says what a right file serves', async () => {
    const { code, out, error } = await run(['check', 'good.toml'])
    expect([code, error]).toEqual([0, ''])
    expect(out).toStartWith('ok: good.toml\n')
    expect(out).toContain('listens on  http://127.0.0.1:9000')
    expect(out).toContain('models      claude-sonnet-4.5\n')
    expect(out).toContain('auth        keys, from the first one on that is made\n')
  })

  test('says everything that is wrong with a wrong one', async () => {
    const { code, out, error } = await run(['check', 'bad.toml'])
    expect([code, out]).toEqual([2, ''])
    expect(error).toBe(`The configuration has 3 problems:

  bad.toml:2:1  server.prot
    expected  one of the keys host, port, workers, drain_seconds, drain_notice_seconds, keep_alive_ms and cors
    did you mean "port"?

  bad.toml:4:11  providers.openai.api_key
    found     an empty text
    expected  a text that is not empty

  bad.toml:6:12  models.m.primary.provider
    found     "OpenRoutr"
    expected  a section under providers, or a provider the gateway knows
    did you mean "OpenRouter"?
`)
  })

  test('for programs', async () => {
    const right = await run(['check', '--config', 'good.toml', '--json'])
    expect(JSON.parse(right.out)).toMatchObject({
      ok: true,
      source: 'good.toml',
      auth: 'first-key',
      models: ['claude-sonnet-4.5'],
    })
    const wrong = await run(['check', 'bad.toml', '--json'])
    expect(wrong.code).toBe(2)
    expect(JSON.parse(wrong.out)).toMatchObject({
      ok: false,
      problems: [
        { file: 'bad.toml', position: { line: 2, column: 1 }, path: 'server.prot', nearest: 'port' },
        {},
        {},
      ],
    })
  })

  test('without a file: the environment', async () => {
    const { code, out } = await run(['check'], { OPENAI_API_KEY: 'sk-canary-Q7fJ2mXv9Lp4Rt8W' })
    expect(code).toBe(0)
    expect(out).toStartWith('ok: the environment\n')
    expect(out).toContain('also        openai/…')
  })

  test('CONFIG_PATH', async () => {
    expect((await run(['check'], { CONFIG_PATH: 'bad.toml' })).code).toBe(2)
    expect((await run(['check', 'good.toml'], { ...environment, CONFIG_PATH: 'bad.toml' })).code).toBe(0)
  })

  test('a file that is not there', async () => {
    expect((await run(['check', 'none.toml'])).error).toContain('expected  a file that exists')
  })
})

describe('config print', () => {
  test('shows what is in force without secrets', async () => {
    const { code, out } = await run(['print', 'good.toml'])
    expect(code).toBe(0)
    expect(out).toContain('[providers.openai]\n')
    expect(out).toContain('api_key = "***"')
    expect(out).toContain('api_key = "ENV:SOME_KEY"')
    expect(out).toContain('max_body_bytes = 33554432')
  })

  test('for programs', async () => {
    const { out } = await run(['print', 'good.toml', '--json'])
    expect(JSON.parse(out)).toMatchObject({
      server: { port: 9000 },
      providers: { openai: { api_key: '***' } },
    })
  })
})

describe('config explain', () => {
  const cases: readonly { args: string[]; env?: Record<string, string>; text: string }[] = [
    {
      args: ['claude-sonnet-4.5', 'good.toml'],
      text: 'claude-sonnet-4.5 is served: good.toml names it\n  tried: the first that is open, in this order\n  1. openrouter → anthropic/claude\n     chat-completions at https://openrouter.example/api/v1/chat/completions\n',
    },
    { args: ['hidden', 'good.toml'], text: 'hidden is not served: the blocklist of good.toml has it' },
    {
      args: ['claude-sonet', 'good.toml'],
      text: 'claude-sonet is not served: good.toml does not name it, and provider/model names are not served\n  close to it: claude-sonnet-4.5',
    },
    {
      args: ['openai/gpt'],
      env: { OPENAI_API_KEY: 'k' },
      text: 'openai/gpt is served: openai is a provider of the environment, so the rest is its model\n  1. openai → gpt',
    },
    {
      args: ['gpt'],
      env: { OPENAI_API_KEY: 'k' },
      text: 'gpt is not served: the environment does not name it; provider/model names are served for openai\n  close to it: openai/gpt',
    },
  ]
  for (const { args, env, text } of cases)
    test(args.join(' in '), async () => {
      const { code, out } = await run(['explain', ...args], env)
      expect(code).toBe(0)
      expect(out).toContain(text)
    })

  test('everything a route can have', async () => {
    const { out } = await run(['explain', 'fast', 'routes.toml'])
    expect(out).toBe(`fast is served: routes.toml has it as an alias of chat
  also called fast
  tried: one drawn by weight, then the others
  sticky: calls of one session, or that begin with the same prompt, stay on one route
  hedge: a second attempt after 1500 ms without content, for at most 2 % of the calls
  the first content must be there within 9000 ms
  1. openai → gpt-4.1
     chat-completions at https://openai.example/v1/chat/completions
     weight 3 of 4 (75 %)
     credentials a (at most 5 calls open), 2
     $0.15 for a million tokens in, $2 out
     given a rest of 30000 ms after 3 failures in a row, or 50 % of at least 20 attempts in 30000 ms; then 1 at a time until 2 went well
     tried again up to 3 times
     gives up after 10000 ms to connect, 600000 ms to the first byte, 300000 ms of silence, 3600000 ms in all
  2. vertex → gemini
     chat-completions at https://vertex.example/chat/completions
     region eu
     weight 1 of 4 (25 %)
     only for the tenants gold*, x and keys with the tag team=search and streamed calls
     gives up after 10000 ms to connect, 600000 ms to the first byte, 300000 ms of silence, 3600000 ms in all
`)
  })

  test('a name that fits a pattern', async () => {
    const { out } = await run(['explain', 'gpt-5', 'routes.toml'], {
      ...environment,
      OPENROUTER_API_KEY: 'k',
    })
    expect(out).toStartWith(`gpt-5 is served: routes.toml has the pattern gpt-*, and no model of this name
  tried: the cheapest, then the next (three tokens in for one out)
  1. openai → gpt-5
`)
    expect(out).toContain('  2. openrouter → openai/gpt-5\n')
    const { out: json } = await run(['explain', 'gpt-5', 'routes.toml', '--json'])
    expect(JSON.parse(json)).toMatchObject({
      pattern: 'gpt-*',
      balance: 'price',
      routes: [{ model: 'gpt-5', credentials: [{ name: 'a', concurrency: 5 }, { name: '2' }] }, {}],
    })
  })

  test('an alias of a model that is blocked', async () => {
    writeFileSync(join(cwd, 'blocked.toml'), `${ROUTES}[model_list]\nblock = ["chat"]\n`)
    expect((await run(['explain', 'fast', 'blocked.toml'])).out).toStartWith(
      'fast is not served: the blocklist of blocked.toml has chat, which it is an alias of\n',
    )
  })

  test('for programs', async () => {
    const { out } = await run(['explain', 'claude-sonnet-4.5', 'good.toml', '--json'])
    expect(JSON.parse(out)).toMatchObject({
      served: true,
      routes: [{ provider: 'openrouter', timeouts: { connectMs: 10000 } }, { provider: 'openai' }],
    })
  })
})

test('config schema is JSON Schema', async () => {
  const { code, out } = await run(['schema'])
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    title: 'XiaojinPro Gateway configuration',
    type: 'object',
    additionalProperties: false,
  })
})

describe('arguments', () => {
  test('--help', async () => {
    expect(await run(['--help'])).toMatchObject({
      code: 0,
      error: '',
      out: expect.stringContaining('usage: xjp-gateway config'),
    })
  })
  for (const args of [
    [],
    ['cheque'],
    ['constructor'],
    ['check', 'a', 'b'],
    ['check', 'a', '--config', 'b'],
    ['check', '--what'],
    ['check', '--config'],
    ['explain'],
    ['schema', 'x'],
  ])
    test(`${args.join(' ') || 'nothing'}: usage, exit code 2`, async () => {
      expect(await run(args)).toMatchObject({
        code: 2,
        out: '',
        error: expect.stringContaining('usage: xjp-gateway config'),
      })
    })
})
