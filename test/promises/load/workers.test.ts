import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { startUpstream, type Upstream } from '../../rig/upstream.ts'
import { freePort } from '../../support/services/processes.ts'
import { testRedis } from '../../support/services/redis.ts'
import { until } from '../limits/support/ask.ts'
import { figure } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { ask, modelToml, upstreams } from '../support/stage.ts'
import { cleanEnd } from './support/clean-end.ts'

/** `--workers N`: several processes on one port that look like one gateway. */

const program = resolve(import.meta.dir, '../../../src/cli/main.ts')
const WORKERS = 3

const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
const config = { name: 'xjp.toml', text: `[auth]\nmode = "open"\n${models.join('')}` }

let upstream: Upstream
beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())

function start(args: readonly string[] = []): Promise<GatewayProcess> {
  return startGateway({ config, env: upstream.environment, args: ['--workers', String(WORKERS), ...args] })
}

/** The processes that a process has started. */
function children(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
}

const alive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

/** A call on a connection of its own, so that the system may give it to any worker. */
const call = (url: string, more: { content?: string; stream?: boolean } = {}) =>
  ask(url, chatFront, {
    model: 'messages',
    content: more.content ?? 'hello',
    stream: more.stream ?? false,
    headers: { connection: 'close' },
  })

interface Status {
  workers: number
  active: number
  draining: boolean
}
const statusOf = async (url: string): Promise<Status> =>
  (await (await fetch(`${url}/status`)).json()) as Status
const metricsOf = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text()
const counted = (metrics: string): number =>
  [...metrics.matchAll(/^xjp_requests_total\{.*\} (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  )

describe('workers', () => {
  let gateway: GatewayProcess
  beforeAll(async () => {
    gateway = await start()
  })
  afterAll(async () => {
    gateway.kill('SIGKILL')
    await gateway.exited
  })

  test('one line says that all are ready, and it is the first', () => {
    const lines = gateway.output().stdout.split('\n')
    expect(lines[0]).toBe(`xjp-gateway is ready at ${gateway.url}`)
    expect(lines.filter((line) => line.includes('is ready at'))).toHaveLength(1)
    expect(children(gateway.pid)).toHaveLength(WORKERS)
  })

  test('calls are spread, and /metrics and /status speak for all', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => call(gateway.url)))
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    await until(async () => counted(await metricsOf(gateway.url)) === 200)
    for (let look = 0; look < 10; look += 1) expect(counted(await metricsOf(gateway.url))).toBe(200)
    expect((await statusOf(gateway.url)).workers).toBe(WORKERS)
    const cpu = [
      ...(await metricsOf(gateway.url)).matchAll(/^xjp_process_cpu_seconds_total\{worker="(\d)"\}/gm),
    ]
    expect(cpu.map(([, worker]) => worker)).toEqual(['1', '2', '3'])
  })

  test('one that dies is started again; the others go on, and what it had counted is not lost', async () => {
    const before = children(gateway.pid)
    const counts = counted(await metricsOf(gateway.url))
    process.kill(before[1] ?? 0, 'SIGKILL')
    const calls: Promise<number>[] = []
    let broken = 0
    for (let each = 0; each < 60; each += 1) {
      calls.push(
        call(gateway.url).then(
          ({ status }) => status,
          () => (broken += 1),
        ),
      )
      await Bun.sleep(10)
    }
    const statuses = await Promise.all(calls)
    await until(async () => (await statusOf(gateway.url)).workers === WORKERS)
    const after = children(gateway.pid)
    figure('workers', { killed: 1, calls: calls.length, broken })
    // What came to the one that died before it was found dead.
    expect(broken).toBeLessThan(10)
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(50)
    expect(after.filter((pid) => before.includes(pid))).toHaveLength(WORKERS - 1)
    expect(gateway.output().stdout).toContain('a worker ended and is started again')
    expect(counted(await metricsOf(gateway.url))).toBeGreaterThanOrEqual(counts)
  })

  test('a reload reaches all', async () => {
    const lines = (): number => gateway.output().stdout.split('configuration reloaded').length - 1
    const before = lines()
    gateway.kill('SIGHUP')
    await until(() => lines() === before + WORKERS)
  })

  test('SIGTERM lets open streams of all workers finish, and then ends with 0', async () => {
    const streams = Array.from({ length: 24 }, () =>
      call(gateway.url, { content: '[scene:long@30] [fault:trickle@40]', stream: true }),
    )
    await until(async () => (await statusOf(gateway.url)).active === 24)
    const pids = children(gateway.pid)
    const exit = gateway.stop()
    const seen = await Promise.all(streams)
    expect(
      seen.filter(({ events, broken }) => broken || !events.some((event) => chatFront.isEnd(event))),
    ).toEqual([])
    expect(await exit).toBe(0)
    expect(pids.filter(alive)).toEqual([])
  })
})

test('workers without a parent drain and end', async () => {
  const gateway = await start()
  const pids = children(gateway.pid)
  const stream = call(gateway.url, { content: '[scene:long@20] [fault:trickle@40]', stream: true })
  await until(async () => (await statusOf(gateway.url)).active === 1)
  gateway.kill('SIGKILL')
  const { events, broken } = await stream
  expect([broken, events.some((event) => chatFront.isEnd(event))]).toEqual([false, true])
  await until(() => !pids.some(alive))
})

test('with keys, over one data directory and Redis: every call has its row', async () => {
  const redis = await testRedis()
  const dataDirectory = mkdtempSync(join(tmpdir(), 'xjp-workers-'))
  const gateway = await startGateway({
    dataDirectory,
    config: {
      name: 'xjp.toml',
      text: `[auth]\nmode = "keys"\n[redis]\nprefix = "${redis.freshPrefix()}"\n${models.join('')}`,
    },
    env: { ...upstream.environment, REDIS_URL: redis.url },
    args: ['--workers', String(WORKERS)],
  })
  try {
    const run = (...args: string[]): string =>
      spawnSync(process.execPath, [program, ...args, '--data-dir', dataDirectory, '--json'], {
        encoding: 'utf8',
      }).stdout
    const { key } = JSON.parse(
      run('keys', 'create', '--tenant', 'acme', '--rpm', '100000', '--rpd', '150'),
    ) as { key: string }
    const headers = { authorization: `Bearer ${key}`, connection: 'close' }
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const asked = { model: 'messages', content: 'hello', stream: false, headers }
        return (await ask(gateway.url, chatFront, asked)).status
      }),
    )
    // The limit of the day is one for all workers.
    expect(statuses.filter((status) => status === 200)).toHaveLength(150)
    expect(statuses.filter((status) => status === 429)).toHaveLength(50)
    await cleanEnd(gateway)
    const usage = run('usage', '--tenant', 'acme')
    expect(usage).toMatch(/"requests":\s*200\b/)
  } finally {
    gateway.kill('SIGKILL')
    rmSync(dataDirectory, { recursive: true, force: true })
  }
}, 60_000)

describe('refusals', () => {
  const folder = mkdtempSync(join(tmpdir(), 'xjp-workers-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const run = (...args: string[]): { code: number | null; stderr: string } => {
    const file = join(folder, 'keys.toml')
    writeFileSync(file, '[auth]\nmode = "keys"\n')
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder }
    const { status, stderr } = spawnSync(process.execPath, [program, 'serve', ...args], {
      cwd: folder,
      env,
      encoding: 'utf8',
      timeout: 10_000,
    })
    return { code: status, stderr }
  }

  test('several workers that would share nothing are refused with words', () => {
    const { code, stderr } = run('--config', 'keys.toml', '--port', '0', '--workers', '2')
    expect([code, stderr]).toEqual([2, expect.stringContaining('REDIS_URL')])
  })

  test('a port that is taken is refused, whether by one or by several', async () => {
    const port = await freePort()
    const gateway = await startGateway({ config, env: upstream.environment, args: ['--port', String(port)] })
    expect(run('--open', '--port', String(port), '--workers', '2')).toMatchObject({ code: 1 })
    await cleanEnd(gateway)
    const several = await start(['--port', String(port)])
    for (const args of [[], ['--workers', '2']]) {
      const { code, stderr } = run('--open', '--port', String(port), ...args)
      expect([code, stderr]).toEqual([1, expect.stringContaining(`Is port ${port} in use`)])
    }
    await cleanEnd(several)
  }, 60_000)
})
