import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChildOptions } from '../../src/platform/spawn.ts'
import { createProcessProvider } from '../../src/providers/process/provider.ts'
import { callOf } from '../providers/process-calls.ts'
import { figure, size } from './support/figure.ts'
import { type Fuzzed, fuzzed } from './support/fuzzed-prompts.ts'
import { printing } from './support/in-process.ts'

/** L1 no shell: prompts cannot become commands. */

const SEED = 20_261_120
const FULL = 20_000

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'xjp-shell-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('L1: what is handed to the system', () => {
  test(`${FULL} prompts and models: the configured program, the prompt on its input, a model only as one whole argument`, async () => {
    const started: ChildOptions[] = []
    const newChild = (options: ChildOptions) => {
      started.push(options)
      return printing([])
    }
    const provider = createProcessProvider({ newChild, environment: { PATH: '/bin', SECRET: 'canary' } })
    const { prompts, models } = fuzzed(FULL, SEED)
    let refused = 0
    for (let index = 0; index < FULL; index += 1) {
      const prompt = prompts[index % prompts.length] ?? ''
      const model = index < prompts.length ? 'm' : (models[index - prompts.length] ?? '')
      started.length = 0
      const call = callOf(['program', '-m', '{model}'], { prompt, model })
      const isRefused = await drain(provider.open(call))
      if (isRefused) {
        refused += 1
        expect([model, started.length]).toEqual([model, 0])
        continue
      }
      expect(started.map(({ command }) => command)).toEqual([['program', '-m', model]])
      expect(Buffer.from(started[0]?.input ?? []).toString()).toBe(prompt)
      expect(Object.keys(started[0]?.environment ?? {})).toEqual(['PATH'])
    }
    figure('L1 arguments', { n: FULL, seed: SEED, refused_models: refused, unexpected: 0 })
    expect(refused).toBeGreaterThan(FULL / 20)
    expect(refused).toBeLessThan(FULL / 4)
  })
})

async function drain(batches: AsyncIterable<unknown>): Promise<boolean> {
  try {
    for await (const _ of batches);
    return false
  } catch {
    return true
  }
}

const STRACE = ['strace', '-f', '--seccomp-bpf', '-qq', '-e', 'trace=execve,execveat']

/** Some machines have no strace, and some containers let nobody trace. */
function canTrace(): boolean {
  const [command = '', ...options] = STRACE
  return spawnSync(command, [...options, '-o', '/dev/null', 'true']).status === 0
}

/** The programs that were executed, by their last name. A call that others interrupt stands on two lines. */
function executedIn(log: string): Record<string, number> {
  const counts: Record<string, number> = {}
  const begun = new Map<string, string>()
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const pid = line.slice(0, line.indexOf(' '))
    const path = /execve(?:at)?\((?:\w+, )?"([^"]+)"/.exec(line)?.[1] ?? begun.get(pid) ?? line
    if (line.endsWith('<unfinished ...>')) begun.set(pid, path)
    if (!/= 0$/.test(line)) continue
    const name = path === process.execPath ? 'ours' : (path.split('/').at(-1) ?? '')
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

describe('L1: what the system executes', () => {
  const isTraced = canTrace()
  const count = size(2_000, FULL)
  const title = `${count} prompts and models, ${isTraced ? 'traced' : 'NOT traced: strace cannot be used here; only canary files are looked for'}`

  if (isTraced)
    test('a shell would be seen', () => {
      const log = join(folder, 'shell.log')
      const [command = '', ...options] = STRACE
      spawnSync(command, [...options, '-o', log, 'sh', '-c', 'cat /dev/null; echo done'])
      expect(executedIn(log)).toEqual({ sh: 1, cat: 1 })
    })

  test(title, () => {
    const all: Fuzzed = fuzzed(count, SEED + 1)
    const [input, log, work] = [
      join(folder, 'prompts.json'),
      join(folder, 'execve.log'),
      join(folder, 'work'),
    ]
    mkdirSync(work)
    writeFileSync(input, JSON.stringify(all))
    const driver = join(import.meta.dir, 'support/prompt-driver.ts')
    const traced = isTraced ? [...STRACE, '-o', log] : []
    const [command = '', ...args] = [...traced, process.execPath, driver, input, work]
    const begun = performance.now()
    const done = spawnSync(command, args, { encoding: 'utf8' })
    const seconds = (performance.now() - begun) / 1000
    expect(done.stderr).toBe('')
    const answered = JSON.parse(done.stdout) as { prompts: number; models: number; refused: number }
    expect(answered.prompts).toBe(all.prompts.length)
    expect(answered.models + answered.refused).toBe(all.models.length)
    expect(answered.models).toBeGreaterThan(all.models.length / 10)
    expect(existsSync(join(work, 'canary'))).toBe(false)
    const executed = isTraced ? executedIn(log) : {}
    // The driver itself, and the guard that ends what it leaves behind.
    if (isTraced) expect(executed).toEqual({ ours: 2, cat: answered.prompts, echo: answered.models })
    figure('L1', {
      n: count,
      seed: SEED + 1,
      refused_models: answered.refused,
      traced: isTraced ? 'yes' : 'no: strace cannot be used here',
      unexpected_execve: isTraced ? 0 : 'unknown',
      seconds: seconds.toFixed(1),
    })
  }, 900_000)
})
