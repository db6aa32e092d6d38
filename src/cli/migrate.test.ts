import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runMigrateCommand } from './migrate.ts'

async function run(args: string[], env: Record<string, string> = {}) {
  const cwd = mkdtempSync(join(tmpdir(), 'xjp-migrate-'))
  const out = { code: -1, stdout: '', stderr: '' }
  const io = {
    env,
    cwd,
    stdout: (text: string) => void (out.stdout += text),
    stderr: (text: string) => void (out.stderr += text),
  }
  const call = async (more: string[]) => {
    out.stdout = ''
    out.stderr = ''
    out.code = await runMigrateCommand(more, io, [])
    return { ...out }
  }
  return { cwd, call, first: await call(args), remove: () => rmSync(cwd, { recursive: true }) }
}

test('an empty data directory is brought to the newest version, once', async () => {
  const { cwd, call, first, remove } = await run(['--data-dir', 'here', '--json'])
  expect(first).toMatchObject({ code: 0, stderr: '' })
  const report = JSON.parse(first.stdout)
  expect(report).toMatchObject({ kind: 'sqlite', from: 0, to: 2 })
  expect(report.steps.length).toBeGreaterThan(5)
  expect(existsSync(join(cwd, 'here', 'xjp.sqlite'))).toBe(true)
  const second = await call(['--data-dir', 'here', '--json'])
  expect(JSON.parse(second.stdout)).toEqual({ kind: 'sqlite', from: 2, to: 2, steps: [] })
  const words = await call(['--data-dir', 'here'])
  expect(words.stdout).toBe('SQLite: schema version 2, nothing to do\n')
  remove()
})

test('a newer schema is refused with 2, a database that is away with 1, nonsense with 2', async () => {
  const { cwd, call, remove } = await run(['--data-dir', '.'])
  const file = new Database(join(cwd, 'xjp.sqlite'))
  file.run("insert into schema_steps values (77, 0, 'later', 0)")
  file.close()
  const newer = await call(['--data-dir', '.'])
  expect(newer).toMatchObject({ code: 2, stdout: '' })
  expect(newer.stderr).toContain('schema version 77')
  for (const args of [['--wait', 'x'], ['--nonsense'], ['more']])
    expect(await call(args)).toMatchObject({ code: 2, stdout: '' })
  remove()

  const away = await run(['--wait', '1'], { DATABASE_URL: 'postgres://u:secret-word@127.0.0.1:1/x' })
  expect(away.first).toMatchObject({ code: 1, stdout: '' })
  expect(away.first.stderr).not.toContain('secret-word')
  away.remove()
})
