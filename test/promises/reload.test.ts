import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { nativeBase, nativeBreaks } from '../../src/config/testing/breaks.ts'
import { leaksIn } from '../../src/config/testing/canaries.ts'
import { changed } from '../../src/config/testing/change.ts'
import { render } from '../../src/config/testing/render.ts'
import { fields } from '../rig/json.ts'
import { figure, size } from './support/figure.ts'
import { fronts } from './support/fronts.ts'
import { ask, modelToml, openStage, type Stage } from './support/stage.ts'

/**
 * H4 a reload is all or nothing for every request; H5 a bad one changes nothing; H6 a bad configuration at the start
 * ends the program with the place of every mistake.
 */

const RELOADS = 1_000
/** One that takes longer than this is not waited for: the next order follows it. */
const RELOAD_MS = 100

/** Two configurations in which everything that can be seen upstream differs. */
const versions = {
  A: { model: 'gpt-4.1', temperature: 0.1, tokens: 111 },
  B: { model: 'gpt-4o-mini', temperature: 0.9, tokens: 999 },
} as const
type Version = keyof typeof versions

function configOf(version: Version): string {
  const { model, temperature, tokens } = versions[version]
  return [
    `[providers.openai]\nheaders = { x-config = "${version}" }\n`,
    modelToml('m', { provider: 'openai', model }),
    `[models.m.defaults]\ntemperature = ${temperature}\nmax_tokens = ${tokens}\n`,
  ].join('')
}

let stage: Stage
let file = ''
beforeAll(async () => {
  stage = await openStage({ toml: configOf('A') })
  file = join(dirname(stage.gateway.dataDirectory), 'xjp.toml')
})
afterAll(() => stage.close())

function put(text: string): void {
  // As a careful editor does: the file is never half there.
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

function reloadWith(text: string): void {
  put(text)
  stage.gateway.kill('SIGHUP')
}

const whole = (version: Version): string => `[auth]\nmode = "open"\n${configOf(version)}`

async function liveVersion(): Promise<string> {
  const response = await fetch(`${stage.gateway.url}/readyz`)
  return String(fields(await response.json())['config_version'])
}

/** The log's records with this message. */
function records(message: string): Record<string, unknown>[] {
  return stage.gateway
    .output()
    .stdout.split('\n')
    .filter((line) => line.startsWith('{') && line.includes(`"message":"${message}"`))
    .map((line) => fields(JSON.parse(line)))
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen within 5 s`)
    await Bun.sleep(5)
  }
}

describe('H4', () => {
  test('every answer is made entirely under one configuration, and none is dropped', async () => {
    const before = records('configuration reloaded').length
    const failures: string[] = []
    let sent = 0
    let over = false
    const client = async (number: number): Promise<void> => {
      const front = fronts[number % 2] ?? fronts[0]
      while (!over && front !== undefined) {
        sent += 1
        const asked = { model: 'm', content: `[scene:text] reload-${sent}-end`, stream: number % 4 < 2 }
        // The front of the other dialect demands a bound of its own.
        const body = front.body(asked.model, asked.content, asked.stream)
        delete body['max_tokens']
        const response = await fetch(stage.gateway.url + front.path, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
        const text = await response.text()
        if (response.status !== 200) failures.push(`${response.status} ${text.slice(0, 200)}`)
      }
    }
    let version = await liveVersion()
    const clients = Promise.all(Array.from({ length: 8 }, (_, number) => client(number)))
    for (let count = 0; count < RELOADS; count += 1) {
      reloadWith(whole(count % 2 === 0 ? 'B' : 'A'))
      const late = performance.now() + RELOAD_MS
      const known = version
      while (version === known && performance.now() < late) version = await liveVersion()
    }
    over = true
    await clients
    const mixed = stage.upstream.ledger.entries.filter((entry) => {
      const body = fields(entry.json)
      const config = entry.headers.find(([name]) => name.toLowerCase() === 'x-config')?.[1]
      const wanted = config === 'A' || config === 'B' ? versions[config] : undefined
      const tokens = body['max_tokens'] ?? body['max_completion_tokens']
      if (wanted === undefined) return true
      const { model, temperature, tokens: bound } = wanted
      return body['model'] !== model || body['temperature'] !== temperature || tokens !== bound
    })
    const seen = new Set(stage.upstream.ledger.entries.map((entry) => fields(entry.json)['model']))
    await until(() => records('configuration reloaded').length > before, 'a reload')
    const reloads = records('configuration reloaded').length - before
    figure('H4', { reloads, requests: sent, mixed: mixed.length, dropped: failures.length })
    expect(failures).toEqual([])
    expect(mixed.map((entry) => entry.body.slice(0, 200))).toEqual([])
    expect([...seen].sort()).toEqual(['gpt-4.1', 'gpt-4o-mini'])
    // Two signals may arrive as one; most reloads must have happened while requests ran.
    expect(reloads).toBeGreaterThan(RELOADS / 2)
  })

  test('the file alone is enough: no signal, no call', async () => {
    reloadWith(whole('A'))
    const first = await liveVersion()
    put(whole('B'))
    await until(async () => (await liveVersion()) !== first, 'the reload')
    const second = await liveVersion()
    const logged = (): unknown => records('configuration reloaded').at(-1)?.['config_version']
    await until(() => logged() === second, 'the line in the log')
  })

  test('each call is logged with the version it ran under', async () => {
    const front = fronts[0]
    if (front === undefined) throw new Error('there is a front')
    await ask(stage.gateway.url, front, { model: 'm', content: 'hello', stream: false })
    const live = await liveVersion()
    const logged = (): unknown => records('request').at(-1)?.['config_version']
    await until(() => logged() === live, 'the line in the log')
  })
})

const REFUSED = 'configuration refused; the live one stays'
const refusals = (): number => records(REFUSED).length

/** With every commit each mistake alone. */
const BROKEN_FILES = size(nativeBreaks.length, 200)

/** Each of the mistakes that the loader's own tests know, alone, and then with another one. */
function brokenFile(index: number): [name: string, text: string] {
  const first = nativeBreaks[index % nativeBreaks.length]
  const second = nativeBreaks[(index * 7 + 3) % nativeBreaks.length]
  if (first === undefined || second === undefined) throw new Error('there are mistakes')
  const once = changed(nativeBase, first.path, first.to)
  if (index < nativeBreaks.length || !areApart(first.path, second.path))
    return [`${index}: ${first.name}`, render(once, 'toml').text]
  const twice = changed(once, second.path, second.to)
  return [`${index}: ${first.name}; ${second.name}`, render(twice, 'toml').text]
}

/** False when one place lies within the other: the one mistake could take the other away. */
function areApart(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one[0] !== other[0]
}

const CANARY = 'sk-canary-4f9a1c7e2b8d4f9a1c7e2b8d'
const broken: readonly [name: string, text: string, place: RegExp][] = [
  ['not TOML', '[auth\nmode = "open"\n', /xjp\.toml:1:\d+/],
  ['an unknown key', '[auth]\nmode = "open"\n[server]\nprot = 1\n', /xjp\.toml:4:1.*prot.*port/s],
  ['a wrong type', '[server]\nport = "many"\n', /xjp\.toml:2:\d+.*server\.port/s],
  ['out of range', '[server]\nport = 70000\n', /xjp\.toml:2:\d+/],
  [
    'a route to nobody',
    '[models.m.primary]\nprovider = "opnai"\nprovider_model_id = "x"\n',
    /xjp\.toml:2:\d+.*opnai.*OpenAI/s,
  ],
  [
    'a variable that is missing',
    '[providers.openai]\napi_key = "ENV:NOT_THERE"\n',
    /xjp\.toml:2:\d+.*NOT_THERE/s,
  ],
  ['an empty secret', '[providers.openai]\napi_key = ""\n', /xjp\.toml:2:\d+.*api_key/s],
  ['a secret where none belongs', `[providers.openai]\nregionn = "${CANARY}"\n`, /xjp\.toml:2:\d+/],
  [
    'two mistakes at once',
    '[server]\nport = "x"\n[limits]\nmax_messages = -1\n',
    /xjp\.toml:2:\d+.*xjp\.toml:4:\d+/s,
  ],
  ['nothing at all where a table belongs', 'models = 3\n', /xjp\.toml:1:\d+/],
  ['not UTF-8', '[auth]\nmode = "\ud800"\n', /xjp\.toml:2:\d+/],
]

describe('H5: a bad reload changes nothing', () => {
  let n = 0
  let refused = 0
  afterAll(() => figure('H5', { n, refused }))

  test.each(broken)('%s', async (_, text, place) => {
    const live = await liveVersion()
    const before = refusals()
    n += 1
    reloadWith(text)
    await until(() => refusals() > before, 'the refusal')
    const record = records(REFUSED).at(-1)
    expect(record?.['config_version']).toBe(live)
    expect(String(record?.['problems'])).toMatch(place)
    expect(await liveVersion()).toBe(live)
    for (const front of fronts) {
      const seen = await ask(stage.gateway.url, front, { model: 'm', content: '[scene:text]', stream: false })
      expect(seen.status).toBe(200)
    }
    expect(stage.gateway.output().stdout).not.toContain(CANARY)
    refused += 1
  })

  test(`${BROKEN_FILES} files with one mistake or two, one after another`, async () => {
    const live = await liveVersion()
    for (let index = 0; index < BROKEN_FILES; index += 1) {
      const [name, text] = brokenFile(index)
      const before = stage.gateway.output().stdout.length
      const told = (): string => stage.gateway.output().stdout.slice(before)
      n += 1
      reloadWith(text)
      await until(() => told().includes(REFUSED), `the refusal of ${name}`)
      expect([name, told().includes('configuration reloaded')]).toEqual([name, false])
      expect([name, leaksIn(told())]).toEqual([name, []])
      expect([name, await liveVersion()]).toEqual([name, live])
      const front = fronts[index % 2] ?? fronts[0]
      const asked = { model: 'm', content: '[scene:text]', stream: index % 4 < 2 }
      if (front !== undefined) expect((await ask(stage.gateway.url, front, asked)).status).toBe(200)
      refused += 1
    }
  })

  test('the file is gone: what is live stays live', async () => {
    const live = await liveVersion()
    const before = refusals()
    rmSync(file)
    stage.gateway.kill('SIGHUP')
    await until(() => refusals() > before, 'the refusal')
    expect(await liveVersion()).toBe(live)
    reloadWith(whole('A'))
    await until(async () => (await liveVersion()) !== live, 'the reload')
  })
})

describe('H6: a bad configuration at the start', () => {
  const folder = mkdtempSync(join(tmpdir(), 'xjp-start-'))
  const program = join(resolve(import.meta.dir, '../..'), 'src/cli/main.ts')
  let exact = 0
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
    figure('H6', { n: broken.length, exact_places: exact })
  })

  test.each(broken)('%s: ends with 2 before it listens', (_, text, place) => {
    const path = join(folder, 'xjp.toml')
    writeFileSync(path, text)
    const done = spawnSync(process.execPath, [program, 'serve', '--port', '0', '--config', path], {
      encoding: 'utf8',
      timeout: 10_000,
      env: { PATH: process.env['PATH'] ?? '' },
    })
    expect(done.status).toBe(2)
    expect(done.stdout).toBe('')
    expect(done.stderr).toMatch(place)
    expect(done.stderr).not.toContain(CANARY)
    exact += 1
  })
})
