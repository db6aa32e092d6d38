import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { bytesOf } from '../../rig/http/reply.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, size } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { ask, modelToml, openStage, type Stage } from '../support/stage.ts'
import { recordsIn, until } from './support/records.ts'

/** F7 an outage does not become a log flood: at most 2 KB of log a request, a state that changes is said once. */

/** What a vendor says at length when it is down. */
const LONG_ERROR = JSON.stringify({
  error: {
    message: `The service is overloaded. ${'Please see our status page. '.repeat(200)}`,
    type: 'server_error',
  },
})

const more = 'retry = { max_retries = 2, backoff_ms = 1 }\n'
const openai = { provider: 'openai', model: 'gpt-4.1', more }
const toml = [
  '[providers.dead]\ntype = "openai"\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "none-needed"\n',
  modelToml('dead', { provider: 'dead', model: 'm', more }, { provider: 'dead', model: 'n', more }),
  modelToml('down', openai, { provider: 'anthropic', model: 'claude-opus-4-6', more }),
  // The only route of a model has no circuit: every call tries it.
  modelToml('alone', openai),
].join('')
/** Addresses at which nobody answers. */
const stores = {
  REDIS_URL: 'redis://127.0.0.1:9',
  DATABASE_URL: 'postgres://nobody:canary-password@127.0.0.1:9/x',
}

const outages: [string, readonly string[], Record<string, string>][] = [
  ['every upstream is down', ['dead', 'down', 'alone'], {}],
  ['PostgreSQL and Redis are away', ['alone'], stores],
]

describe.each(outages)('F7: %s', (name, models, env) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage({ toml, env })
  })
  afterAll(() => stage.close())

  test('one short line a request, and few others', async () => {
    const fault = customFault({
      reply: (reply) => ({ ...reply, status: 503, parts: [bytesOf(LONG_ERROR)], framing: 'length' }),
    })
    const failing = models.length > 1
    const n = size(400, 4_000)
    let sent = 0
    const client = async (number: number): Promise<void> => {
      const front = fronts[number % 2]
      while (front && sent < n) {
        sent += 1
        const content = `[scene:text] ${failing ? fault : ''} ${'tell me more '.repeat(50)}`
        const model = models[sent % models.length] ?? ''
        const seen = await ask(stage.gateway.url, front, { model, content, stream: sent % 3 === 0 })
        expect(seen.status >= 429).toBe(failing)
      }
    }
    await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(client))
    const text = (): string => stage.gateway.output().stdout.replace(/^xjp-gateway is ready.*\n/, '')
    const requests = (): number => text().split('"message":"request"').length - 1
    await until(() => requests() >= sent, 'a line for every request')
    const { records, odd } = recordsIn(text())
    const others = records.filter(({ message }) => message !== 'request')
    const lines = text().trim().split('\n')
    const bytes = Buffer.byteLength(text()) / sent
    figure(`F7 (${name})`, {
      n: sent,
      bytes_per_request: Math.round(bytes),
      longest_line: Math.max(...lines.map((line) => Buffer.byteLength(line))),
      lines: lines.length,
      other_lines: others.length,
    })
    expect(odd).toEqual([])
    expect(requests()).toBe(sent)
    expect(bytes).toBeLessThanOrEqual(2_048)
    // Changes of state are few, each is told once, and none of them belongs to a request.
    expect(others.length).toBeLessThan(40)
    const told = others.map(({ time: _, ...rest }) => JSON.stringify(rest))
    expect(told.filter((line, at) => told.indexOf(line) !== at)).toEqual([])
    expect(others.filter((record) => 'request_id' in record)).toEqual([])
    const { stderr } = stage.gateway.output()
    expect(stderr.replace(/^Administrator token.*\nKeep it safe.*\n/, '')).toBe('')
  }, 120_000)
})
