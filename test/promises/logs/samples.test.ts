import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fault } from '../../rig/fault/fault.ts'
import { bytesOf } from '../../rig/http/reply.ts'
import { type OtlpCollector, startOtlpCollector } from '../../rig/otlp-collector.ts'
import { keyOf } from '../../rig/vendors.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, size } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { ask, modelToml, openStage, type Stage, upstreams } from '../support/stage.ts'
import { filesUnder, recordsIn, until } from './support/records.ts'

/**
 * M6 prompts and answers are kept nowhere unless it is switched on, then only of the tenants that are named, without
 * secrets, and only for the days that were said. Every store is searched: the data directory with its database, vault,
 * journal, log file and samples, what the gateway printed, and what a collector of traces was sent.
 */

const PROMPT = 'canary-prompt-83b1f0c2a9'
const ANSWER = 'canary-answer-5e7d40b6c1'
const SECRET = 'sk-proj-Zk3vQ8bTnW1xR6yUeM4hLp9sDfGjKaC2'

const models = upstreams
  .map(({ dialect, provider, model }) =>
    modelToml(dialect, { provider, model, more: 'retry = { max_retries = 0 }' }),
  )
  .join('')

let collector: OtlpCollector
beforeAll(async () => {
  collector = await startOtlpCollector()
})
afterAll(() => collector.close())

/** Calls are traced, without their content. */
function stageWith(observability: string, dataDirectory?: string): Promise<Stage> {
  const logging = `[observability.logging]\nlevel = "debug"\nfile = "gateway.log"\n`
  const tracing = `[observability.otlp_grpc]\nendpoint = "${collector.grpcUrl}"\n[observability.exporters]\ntracing = "otlp_grpc"\n`
  return openStage({
    toml: `${logging}${tracing}${observability}${models}`,
    ...(dataDirectory ? { dataDirectory } : {}),
  })
}

function samplesFor(tenants: string): string {
  return `[observability.samples]\nenabled = true\nrate = 1\ntenants = ${tenants}\nretention_days = 2\n`
}

/** Ways in which content may go astray: plain answers, errors that repeat the prompt, answers that break off. */
function faultsWith(prompt: string): string[] {
  const error = JSON.stringify({
    error: { message: `Invalid content: "${prompt}"`, type: 'invalid_request_error' },
  })
  const nested = JSON.stringify({ detail: [{ msg: 'bad', input: { messages: [{ content: prompt }] } }] })
  const said = `${ANSWER} and ${SECRET}`
  const play: Fault['play'] = (performance) => ({
    ...performance,
    takes: [{ pieces: [{ type: 'text', text: said }], finish: 'stop' }],
  })
  const answered = (status: number, body: string): string =>
    customFault({ reply: (reply) => ({ ...reply, status, parts: [bytesOf(body)], framing: 'length' }) })
  const events = (text: string): string =>
    customFault({
      play,
      events: (given) => [...given.slice(0, 4), { text, produced: 1 }, ...given.slice(4)],
    })
  return [
    customFault({ play }),
    answered(400, error),
    answered(422, nested),
    answered(500, `Traceback: ${prompt}`),
    answered(200, `oops ${ANSWER}`),
    answered(200, `{"choices":[{"message":{"content":"${ANSWER}`),
    events(`data: {"${ANSWER}\n\n`),
    events(`data: ${error}\n\n`),
    customFault({ play, cut: { at: 300, how: 'rst' } }),
  ]
}

const contentOf = (fault: string): string => `[scene:text] ${fault} ${PROMPT} ${SECRET}`

async function askAll(stage: Stage): Promise<number> {
  let sent = 0
  for (const fault of faultsWith(PROMPT))
    for (const { dialect } of upstreams)
      for (const front of fronts)
        for (const stream of [false, true])
          for (let times = 0; times < size(1, 20); times += 1) {
            sent += 1
            await ask(stage.gateway.url, front, { model: dialect, content: contentOf(fault), stream })
          }
  const [front] = fronts
  // Refused before they are calls: what is wrong with them is said in the log.
  for (const more of [
    { temperature: PROMPT },
    { messages: [{ role: PROMPT, content: 3 }] },
    { tools: PROMPT },
  ]) {
    sent += 1
    if (front)
      await ask(stage.gateway.url, front, { model: 'messages', content: PROMPT, stream: false, more })
  }
  await collector.until((spans) => spans.length >= sent)
  const lines = (): number => stage.gateway.output().stdout.split('"message":"request"').length - 1
  await until(() => lines() >= sent, 'a line for every request')
  return sent
}

/** Where each canary stands: files of the data directory, and what was printed. */
function found(stage: Stage): Record<string, string[]> {
  const { stdout, stderr } = stage.gateway.output()
  const traces = JSON.stringify(collector.spans, (_, member: unknown) =>
    typeof member === 'bigint' ? String(member) : member,
  )
  const places = { ...filesUnder(stage.gateway.dataDirectory), stdout, stderr, traces }
  const canaries = { prompt: PROMPT.slice(0, 13), answer: ANSWER.slice(0, 13), secret: SECRET.slice(8, 20) }
  return Object.fromEntries(
    Object.entries(canaries).map(([name, canary]) => [
      name,
      Object.entries(places)
        .filter(([, text]) => text.includes(canary))
        .map(([place]) => place),
    ]),
  )
}

const nowhere = { prompt: [], answer: [], secret: [] }

describe.each([
  ['off, as it is unless somebody asks for it', ''],
  ['on, and no tenant named', samplesFor('[]')],
  ['on for other tenants', samplesFor('["acme", "team-*"]')],
])('M6: %s', (name, observability) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await stageWith(observability)
  })
  afterAll(() => stage.close())

  test('no store holds a prompt or an answer', async () => {
    const n = await askAll(stage)
    const places = found(stage)
    figure(`M6 (${name})`, {
      n,
      stores: Object.keys(filesUnder(stage.gateway.dataDirectory)).length + 3,
      hits: Object.values(places).flat().length,
    })
    expect(places).toEqual(nowhere)
    expect(existsSync(join(stage.gateway.dataDirectory, 'samples'))).toBe(false)
    // The log was not empty, and errors still say what they are about.
    const { records } = recordsIn(filesUnder(stage.gateway.dataDirectory)['gateway.log'] ?? '')
    expect(records.filter(({ error }) => String(error).includes('[prompt]')).length).toBeGreaterThan(0)
  }, 120_000)
})

describe('M6: on for the tenant', () => {
  const root = mkdtempSync(join(tmpdir(), 'xjp-samples-'))
  const dataDirectory = join(root, 'data')
  let stage: Stage
  beforeAll(async () => {
    stage = await stageWith(samplesFor('["open"]'), dataDirectory)
  })
  afterAll(async () => {
    await stage.close()
    rmSync(root, { recursive: true })
  })

  test('samples hold content and no secret, nothing else does, and they go when their days are over', async () => {
    const n = await askAll(stage)
    const folder = join(stage.gateway.dataDirectory, 'samples')
    const [day = '', ...others] = readdirSync(folder)
    expect(others).toEqual([])
    const text = (): string => readFileSync(join(folder, day), 'utf8')
    await until(() => recordsIn(text()).records.length >= n - 3, 'a sample for every call')
    const before = found(stage)
    expect(before).toEqual({ prompt: [`samples/${day}`], answer: [`samples/${day}`], secret: [] })
    expect(text()).not.toContain(keyOf('openai').slice(0, 12))
    expect(statSync(join(folder, day)).mode & 0o777).toBe(0o600)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(stage.gateway.output().stdout).toContain('Prompts and answers are kept in the folder')
    // Two days later: the file of that day has the name of a day before.
    const old = new Date(Date.now() - 2 * 86_400_000 - 60_000).toISOString().slice(0, 10)
    renameSync(join(folder, day), join(folder, `${old}.jsonl`))
    await stage.gateway.stop()
    const again = await stageWith(samplesFor('["open"]'), dataDirectory)
    await until(() => readdirSync(folder).length === 0, 'the old samples are removed')
    const after = found(again)
    await again.close()
    figure('M6 (on)', { n, samples: n - 3, hits_after_retention: Object.values(after).flat().length })
    expect(after).toEqual(nowhere)
  }, 120_000)
})
