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

let cwd = ''
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'xjp-cli-'))
  writeFileSync(join(cwd, 'good.toml'), GOOD)
  writeFileSync(join(cwd, 'bad.toml'), BAD)
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
    expected  one of the keys host, port, workers, drain_seconds, keep_alive_ms and cors
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
