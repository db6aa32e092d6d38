import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type GatewayProcess, startGateway } from '../rig/gateway.ts'
import { startUpstream, type Upstream } from '../rig/upstream.ts'

/** The agent's own program: a package a platform, so that no install script has to run. */
const platform = `claude-code-${process.platform}-${process.arch}`
const program = resolve(import.meta.dir, '../../node_modules/@anthropic-ai', platform, 'claude')

interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

/** One prompt, with an empty home, on loopback only. */
function runAgent(home: string, gateway: string, model: string, prompt: string): Promise<Outcome> {
  const args = [
    '-p',
    prompt,
    '--model',
    model,
    '--tools',
    'Read',
    '--allowedTools',
    'Read',
    '--output-format',
    'json',
    '--max-turns',
    '4',
  ]
  const child = spawn(program, args, {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      HOME: home,
      PATH: process.env['PATH'] ?? '',
      ANTHROPIC_BASE_URL: gateway,
      ANTHROPIC_AUTH_TOKEN: 'no-key-is-asked-for',
      ANTHROPIC_SMALL_FAST_MODEL: model,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_AUTOUPDATER: '1',
      IS_SANDBOX: '1',
    },
  })
  return new Promise((settle) => {
    const outcome: Outcome = { code: null, stdout: '', stderr: '' }
    child.stdout.on('data', (bytes: Buffer) => {
      outcome.stdout += bytes
    })
    child.stderr.on('data', (bytes: Buffer) => {
      outcome.stderr += bytes
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), 90_000)
    child.on('close', (code) => {
      clearTimeout(timer)
      settle({ ...outcome, code })
    })
  })
}

describe('Claude Code completes a turn with a tool call through the gateway', () => {
  if (!existsSync(program)) {
    test(`cannot run here: there is no @anthropic-ai/${platform} among the installed packages`, () => {
      expect(existsSync(program)).toBe(false)
    })
    return
  }
  let upstream: Upstream
  let gateway: GatewayProcess
  let home: string

  beforeAll(async () => {
    upstream = await startUpstream()
    gateway = await startGateway({ env: upstream.environment })
    home = mkdtempSync(join(tmpdir(), 'xjp-agent-'))
  })
  afterAll(async () => {
    await gateway.stop()
    await upstream.close()
    rmSync(home, { recursive: true, force: true })
  })

  const upstreams: [string, string][] = [
    ['chat-completions', 'openai/gpt-4.1'],
    ['messages', 'anthropic/claude-sonnet-4-5'],
    ['generate-content', 'gemini/gemini-3-pro'],
  ]
  for (const [dialect, model] of upstreams)
    test(`${dialect} upstream`, async () => {
      const folder = join(home, dialect)
      mkdirSync(folder)
      const file = join(folder, 'note.txt')
      const secret = `the word is ${dialect}-芝麻开门`
      writeFileSync(file, `${secret}\n`)
      upstream.ledger.entries.length = 0
      const outcome = await runAgent(
        folder,
        gateway.url,
        model,
        `[scene:read-file] Read the file [file:${file}] and say what it holds.`,
      )
      expect(`${outcome.code} ${outcome.stderr}${outcome.stdout}`).toContain(secret)
      expect(outcome.code).toBe(0)
      const answered = JSON.parse(outcome.stdout) as { is_error: boolean; num_turns: number; result: string }
      expect(answered.is_error).toBe(false)
      expect(answered.result).toContain(secret)
      // One call that asks for the tool, one with its result: a stream the agent does not accept is asked for twice.
      const main = upstream.ledger.entries.filter(
        (entry) => entry.body.includes('scene:read-file') && entry.body.includes('Read'),
      )
      expect(main.filter((entry) => entry.status !== 200).map((entry) => entry.problem)).toEqual([])
      console.info(`Claude Code over ${dialect}: ${answered.num_turns} turns, ${main.length} upstream calls`)
      expect(main.length).toBe(2)
    }, 120_000)
})
