import { afterAll, beforeAll, expect, test } from 'bun:test'
import { renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { figure, size } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { ask, modelToml, openStage, type Stage } from '../support/stage.ts'
import { recordsIn, until } from './support/records.ts'

/** The level changes while the gateway serves: by reload and by signal, and no request's line is lost or written twice. */

const model = modelToml('m', { provider: 'openai', model: 'gpt-4.1' })

function configAt(level: string): string {
  return `[observability.logging]\nlevel = "${level}"\n${model}`
}

let stage: Stage
let file = ''
beforeAll(async () => {
  stage = await openStage({ toml: configAt('info') })
  file = join(dirname(stage.gateway.dataDirectory), 'xjp.toml')
})
afterAll(() => stage.close())

function reload(level: string): void {
  writeFileSync(`${file}.new`, `[auth]\nmode = "open"\n${configAt(level)}`)
  renameSync(`${file}.new`, file)
  stage.gateway.kill('SIGHUP')
}

async function one(id: string): Promise<void> {
  const [front] = fronts
  if (!front) throw new Error('there is a front')
  const seen = await ask(stage.gateway.url, front, {
    model: 'm',
    content: '[scene:text] canary-prompt',
    stream: false,
    headers: { 'x-request-id': id },
  })
  expect(seen.status).toBe(200)
}

const output = (): string => stage.gateway.output().stdout

async function loggedOf(id: string): Promise<string[]> {
  const lines = (): string[] =>
    recordsIn(output().slice(output().indexOf('\n') + 1))
      .records.filter((record) => record['request_id'] === id)
      .map(({ message }) => String(message))
  await until(() => lines().includes('request'), `the line of ${id}`)
  return lines()
}

async function told(words: string): Promise<void> {
  const count = output().split(words).length
  await until(() => output().split(words).length > count, words)
}

test('SIGUSR1 shows each call and attempt, SIGUSR2 ends it; a reload in between changes what it goes back to', async () => {
  await one('level-1')
  expect(await loggedOf('level-1')).toEqual(['request'])
  const shows = told('the log shows everything now')
  stage.gateway.kill('SIGUSR1')
  await shows
  await one('level-2')
  expect(await loggedOf('level-2')).toEqual(['request begun', 'attempt', 'request'])
  const reloaded = told('configuration reloaded')
  reload('info')
  await reloaded
  await one('level-3')
  expect(await loggedOf('level-3')).toHaveLength(3)
  const back = told('the log shows what is configured again')
  stage.gateway.kill('SIGUSR2')
  await back
  await one('level-4')
  expect(await loggedOf('level-4')).toEqual(['request'])
  expect(output()).not.toContain('canary-prompt')
})

test('under load', async () => {
  const changes = size(40, 400)
  let over = false
  let sent = 0
  const client = async (): Promise<void> => {
    while (!over) {
      sent += 1
      await one(`load-${sent}`)
    }
  }
  const clients = [0, 1, 2, 3].map(client)
  for (let change = 0; change < changes; change += 1) {
    if (change % 4 < 2) {
      const reloaded = told('configuration reloaded')
      reload(change % 4 === 0 ? 'debug' : 'info')
      await reloaded
    } else {
      const shows = told(change % 4 === 2 ? 'the log shows everything now' : 'is configured again')
      stage.gateway.kill(change % 4 === 2 ? 'SIGUSR1' : 'SIGUSR2')
      await shows
    }
  }
  over = true
  await Promise.all(clients)
  await loggedOf(`load-${sent}`)
  const counts = new Map<string, number>()
  let close = 0
  for (const { message, request_id: id } of recordsIn(output().slice(output().indexOf('\n') + 1)).records) {
    if (typeof id !== 'string' || !id.startsWith('load-')) continue
    if (message === 'request') counts.set(id, (counts.get(id) ?? 0) + 1)
    else close += 1
  }
  const wrong = [...counts.values()].filter((count) => count !== 1).length
  figure('level changes under load', {
    changes,
    n: sent,
    lines_of_detail: close,
    missing_or_twice: sent - counts.size + wrong,
  })
  expect(counts.size).toBe(sent)
  expect(wrong).toBe(0)
  // Some calls ran under each level.
  expect(close).toBeGreaterThan(0)
  expect(close).toBeLessThan(2 * sent)
}, 120_000)
