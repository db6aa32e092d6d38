import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { serve } from '../../../src/cli/serve.ts'
import { checkedToken, TOKEN_SETTING } from '../../../src/keys/administrator-token.ts'
import { hashOf } from '../../../src/keys/key-format.ts'
import { openDatabase } from '../../../src/store/open.ts'
import { startGateway } from '../../rig/gateway.ts'
import { figure } from '../support/figure.ts'

/** I10 it refuses to start on weak or published administrator tokens; M: a made one is shown once, and kept nowhere. */

const project = resolve(import.meta.dir, '../../..')
const config = { name: 'xjp.toml', text: '[auth]\nmode = "keys"\n' }

const weak = [
  '',
  ' ',
  'sk-1234',
  'admin',
  'root',
  'secret',
  'token',
  'changeme',
  'change-me-in-production',
  'password',
  'password123password123password123',
  'letmein-letmein-letmein-letmein-9',
  'XJP_ADMIN_TOKEN',
  'XJP_ADMIN_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
  'XJP_test_key',
  'your-admin-token-goes-right-here-1',
  'my-super-secret-admin-token-2026-x',
  'replace-with-a-long-random-string-7',
  'example-token-7f3k9d2m5q8w1z4x6v0b',
  'a'.repeat(64),
  '0'.repeat(32),
  'ab'.repeat(20),
  'abcd1234'.repeat(5),
  Buffer.alloc(16).toString('base64'),
  Buffer.alloc(16, 0xff).toString('hex'),
  Buffer.alloc(32, 0x42).toString('base64'),
  '0123456789abcdefghijklmnopqrstuv',
  'zyxwvutsrqponmlkjihgfedcba987654',
  'qwertyuiopasdfghjklzxcvbnmqwerty',
  '11111111222222223333333344444444',
]

describe('promise I10', () => {
  /** `serve` itself, in this process: it must end before it does anything. */
  async function served(token: string): Promise<{ code: number | undefined; stderr: string }> {
    let stderr = ''
    const io = {
      env: { XJP_ADMIN_TOKEN: token },
      cwd: '/nonexistent',
      stdout: () => {},
      stderr: (text: string) => void (stderr += text),
    }
    const late = new Promise<undefined>((wake) => setTimeout(() => wake(undefined), 5_000))
    return { code: await Promise.race([serve(['--port', '0'], io), late]), stderr }
  }

  test('thirty weak tokens: it ends with 2 and words, and never repeats the token', async () => {
    expect(weak).toHaveLength(30)
    let starts = 0
    for (const token of weak) {
      const { code, stderr } = await served(token)
      if (code !== 2) starts += 1
      expect(stderr).toContain('XJP_ADMIN_TOKEN')
      if (token.length > 15) expect(stderr).not.toContain(token)
    }
    expect(starts).toBe(0)
    figure('I10', { n: weak.length, starts })
  })

  test.each(['', 'sk-1234', 'ab'.repeat(20)])('the program itself, given %p', async (token) => {
    const refused = await startGateway({ config, env: { XJP_ADMIN_TOKEN: token } }).then(
      (gateway) => gateway.stop().then(() => 'it started'),
      (failure: unknown) => String(failure),
    )
    expect(refused).toContain('ended with code 2')
  })

  test('no token that stands anywhere in our documents is taken', () => {
    const texts = documents(project).map((file) => readFileSync(file, 'utf8'))
    const found = new Set<string>()
    for (const text of texts) {
      for (const [, value] of text.matchAll(/XJP_ADMIN_TOKEN[=:]\s*["']?([^\s"'`]*)/g)) found.add(value ?? '')
      for (const [value] of text.matchAll(/XJP_ADMIN_[\w-]{8,}/g)) found.add(value)
    }
    for (const token of found) expect(() => checkedToken({ XJP_ADMIN_TOKEN: token }), token).toThrow()
  })
})

function documents(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', '.git', 'test', 'src', 'data'].includes(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return documents(path)
    return /\.(md|toml|ya?ml|json|sh)$|^\.env/.test(entry.name) ? [path] : []
  })
}

describe('the token', () => {
  test('is made at the first start, shown once on stderr, and found nowhere else', async () => {
    const first = await startGateway({ config })
    const { dataDirectory } = first
    const database = openDatabase({ dataDir: dataDirectory, poolSize: 1, timeoutMs: 5_000 })
    try {
      const shown = await lookFor(() => /XJP_ADMIN_[\w-]{43}/.exec(first.output().stderr)?.[0])
      expect(await database.settings.get(TOKEN_SETTING)).toBe(hashOf(shown))
      const again = await startGateway({ config, dataDirectory })
      expect((await fetch(`${again.url}/healthz`)).status).toBe(200)
      await again.stop()
      expect(again.output().stderr).not.toContain('XJP_ADMIN_')
      expect(first.output().stdout + again.output().stdout).not.toContain(shown.slice(0, 20))
      for (const name of readdirSync(dataDirectory, { recursive: true }).map(String)) {
        const bytes = await Bun.file(join(dataDirectory, name))
          .bytes()
          .catch(() => new Uint8Array())
        expect(Buffer.from(bytes).includes(shown.slice(10)), name).toBe(false)
      }
    } finally {
      await database.close()
      await first.stop()
    }
  }, 60_000)

  test('of the environment replaces it, and is not shown', async () => {
    const token = 'k3Vd9-xQm2Lz7Rt0WbYp5Hs8NcJf4GuE'
    const gateway = await startGateway({ config, env: { XJP_ADMIN_TOKEN: token } })
    const database = openDatabase({ dataDir: gateway.dataDirectory, poolSize: 1, timeoutMs: 5_000 })
    try {
      await lookFor(async () => (await database.settings.get(TOKEN_SETTING)) === hashOf(token) || undefined)
    } finally {
      await database.close()
      await gateway.stop()
    }
    const { stdout, stderr } = gateway.output()
    expect(stdout + stderr).not.toContain(token)
  }, 60_000)
})

/** Waits until there is something, at most ten seconds. */
async function lookFor<Value>(find: () => Value | undefined | Promise<Value | undefined>): Promise<Value> {
  for (let looks = 0; looks < 400; looks++) {
    const found = await find()
    if (found !== undefined) return found
    await new Promise((wake) => setTimeout(wake, 25))
  }
  throw new Error('it did not come')
}
