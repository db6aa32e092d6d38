import { afterAll, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startGateway } from '../../rig/gateway.ts'
import { testPostgres } from '../../support/services/postgres.ts'
import { callAs } from './support/office.ts'

/** The command line as a program: what it prints where, how it ends, and that gateways take what it made. */

const program = join(resolve(import.meta.dir, '../../..'), 'src/cli/main.ts')
const folder = mkdtempSync(join(tmpdir(), 'xjp-commands-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(
  args: readonly string[],
  env: Record<string, string> = {},
): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, ...env },
    encoding: 'utf8',
  })
  return { code: status, stdout, stderr }
}

const config = { name: 'xjp.toml', text: '[auth]\nmode = "keys"\n' }

test('keys are made first, in an empty PostgreSQL, and the gateway comes later', async () => {
  const url = await (await testPostgres()).freshUrl()
  const made = run(['keys', 'create', '--tenant', 'acme', '--json'], { DATABASE_URL: url })
  expect({ code: made.code, stderr: made.stderr }).toEqual({ code: 0, stderr: '' })
  const gateway = await startGateway({ config, env: { DATABASE_URL: url } })
  try {
    expect((await callAs(gateway.url, JSON.parse(made.stdout).key)).status).toBe(200)
  } finally {
    await gateway.stop()
  }
}, 60_000)

test('beside a running gateway over SQLite: made, used, disabled', async () => {
  const dataDirectory = join(folder, 'data')
  const gateway = await startGateway({ config, dataDirectory })
  try {
    const made = run(['keygen', 'acme', 'by system A', '60', '1000', '--json', '--data-dir', dataDirectory])
    const { id, key, rate_limit_rpm, rate_limit_rpd } = JSON.parse(made.stdout)
    expect({ rate_limit_rpm, rate_limit_rpd }).toEqual({ rate_limit_rpm: 60, rate_limit_rpd: 1_000 })
    expect((await callAs(gateway.url, key)).status).toBe(200)
    // Without --data-dir: ./data, as the gateway itself.
    expect(run(['keys', 'disable', id]).code).toBe(0)
    let status = 200
    for (let tries = 0; tries < 200 && status === 200; tries++) {
      ;({ status } = await callAs(gateway.url, key))
      await new Promise((wake) => setTimeout(wake, 25))
    }
    expect(status).toBe(403)
    const [listed] = JSON.parse(run(['keys', 'list', '--json']).stdout)
    expect(listed).toMatchObject({ id, enabled: false })
  } finally {
    await gateway.stop()
  }
}, 60_000)

const ends: [string, string[], number, RegExp][] = [
  ['help', ['keys', 'help'], 0, /^$/],
  ['nothing', ['keys'], 2, /usage:/],
  [
    'a wrong flag',
    ['keys', 'create', '--tenat', 'acme'],
    2,
    /unknown flag --tenat\. Did you mean --tenant\?/,
  ],
  ['no such key', ['keys', 'show', 'key_nobody'], 1, /no key with the id/],
  ['no such place', ['keys', 'list', '--data-dir', '/nonexistent'], 1, /there is no database in/],
  ['keygen without a tenant', ['keygen'], 2, /expected TENANT/],
]
test.each(ends)('%s', (_name, args, code, words) => {
  const found = run(args)
  expect(found.code).toBe(code)
  expect(found.stderr).toMatch(words)
})
