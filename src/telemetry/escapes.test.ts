import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EscapeSource, Escapes } from './escapes.ts'
import type { LogFields } from './log-line.ts'

function trap() {
  const lines: LogFields[] = []
  let now = 0
  const listeners = new Map<string, (reason: unknown) => void>()
  const escapes = new Escapes({ error: (_, fields = {}) => void lines.push(fields) }, () => now)
  const source: EscapeSource = { on: (event, listener) => listeners.set(event, listener) }
  escapes.watch(source)
  return {
    lines,
    escapes,
    pass: (milliseconds: number) => {
      now += milliseconds
    },
    raise: (event: 'unhandledRejection' | 'uncaughtException', reason: unknown) =>
      listeners.get(event)?.(reason),
  }
}

describe('errors that nobody caught', () => {
  test('are written with where they came from, and counted', () => {
    const { lines, escapes, raise } = trap()
    raise('unhandledRejection', new Error('one'))
    raise('uncaughtException', 'two')
    expect(escapes.count).toBe(2)
    expect(lines).toMatchObject([
      { kind: 'rejection', escaped: 1 },
      { kind: 'exception', cause: 'two', escaped: 2 },
    ])
    expect(lines[0]?.['cause']).toMatch(/Error: one[\s\S]*escapes\.test\.ts/)
  })

  test('many of them: ten a minute are written, all are counted', () => {
    const { lines, escapes, raise, pass } = trap()
    for (let count = 0; count < 500; count += 1) raise('unhandledRejection', count)
    expect(lines).toHaveLength(10)
    pass(60_000)
    raise('unhandledRejection', 'later')
    expect(lines).toHaveLength(11)
    expect(lines[10]).toMatchObject({ cause: 'later', escaped: 501 })
    expect(escapes.count).toBe(501)
  })

  test('one that cannot be shown', () => {
    const { lines, raise } = trap()
    raise('unhandledRejection', Object.create(null))
    raise('unhandledRejection', undefined)
    expect(lines.map(({ cause }) => cause)).toEqual(['something that cannot be shown', 'undefined'])
  })

  test('a process goes on after them, and knows how many there were', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'xjp-escapes-'))
    const [program, file] = [join(folder, 'program.ts'), join(folder, 'x.log')]
    writeFileSync(
      program,
      `import { Escapes } from '${import.meta.dir}/escapes.ts'
      import { Logger } from '${import.meta.dir}/log.ts'
      import { Redactor } from '${import.meta.dir}/redact.ts'
      const file = { path: '${file}', maxBytes: 1e6, maxFiles: 1 }
      const redactor = new Redactor()
      redactor.learn('Qm7Lw2Zx9Kt4Vb6Ns1Rf')
      const log = new Logger({ level: 'info', format: 'json', stdout: false, file }, redactor)
      const escapes = new Escapes(log, () => performance.now())
      escapes.watch(process)
      const turn = () => new Promise((resolve) => setTimeout(resolve, 5))
      void Promise.reject(new Error('rejected with Qm7Lw2Zx9Kt4Vb6Ns1Rf'))
      await turn()
      setTimeout(() => { throw new Error('thrown in a timer') }, 1)
      await turn()
      queueMicrotask(() => { throw new Error('thrown in a microtask') })
      await turn()
      await log.flush()
      console.log(escapes.count)`,
    )
    const child = Bun.spawn([process.execPath, program], { stdout: 'pipe', stderr: 'pipe' })
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    expect({ stdout, stderr, status: await child.exited }).toEqual({ stdout: '3\n', stderr: '', status: 0 })
    const text = readFileSync(file, 'utf8')
    const causes = text
      .trim()
      .split('\n')
      .map((line) => String(JSON.parse(line).cause).split('\n')[0])
    expect(causes).toEqual([
      'Error: rejected with [redacted]',
      'Error: thrown in a timer',
      'Error: thrown in a microtask',
    ])
    rmSync(folder, { recursive: true })
  })
})
