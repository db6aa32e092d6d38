import { expect, test } from 'bun:test'
import { type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { startUpstream } from '../../rig/upstream.ts'
import { startHaproxy } from '../../support/services/haproxy.ts'
import { freePort } from '../../support/services/processes.ts'
import { figure, percentile, size } from '../support/figure.ts'
import { chatFront, fronts } from '../support/fronts.ts'
import { ask, modelToml, type Seen, upstreams } from '../support/stage.ts'
import { cleanEnd } from './support/clean-end.ts'

/** H3: three replicas behind HAProxy are restarted one after the other, under load, and no call is lost. */

const RESTARTS = size(3, 20)
/** Between two restarts, so that the long run comes to its sixty thousand requests. */
const PAUSE_MS = size(0, 27_000)
const PER_SECOND = 100
/** Streams that are open across restarts. */
const LONG_STREAMS = 10

const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
const config = {
  name: 'xjp.toml',
  text: `[auth]\nmode = "open"\n[server]\ndrain_notice_seconds = 2\n${models.join('')}`,
}

/** What a client holds against an answer. */
function fault({ status, broken, events, text }: Seen, isStream: boolean): string | undefined {
  if (status !== 200) return `${status} ${text.slice(0, 200)}`
  if (broken) return 'broken off'
  if (isStream && !events.some((event) => fronts.some((front) => front.isEnd(event)))) return 'no end'
  return undefined
}

/** Calls at a steady rate until it is stopped, and long streams one after the other. */
class Load {
  readonly failed: string[] = []
  readonly times: number[] = []
  longStreams = 0
  #isOver = false
  readonly #url: string
  readonly #open = new Set<Promise<void>>()

  constructor(url: string) {
    this.#url = url
  }

  async run(): Promise<void> {
    const long = Array.from({ length: LONG_STREAMS }, () => this.#longStreams())
    const begun = performance.now()
    for (let sent = 0; !this.#isOver; ) {
      const due = Math.floor(((performance.now() - begun) / 1000) * PER_SECOND)
      for (; sent < due; sent += 1) this.#call(sent)
      await Bun.sleep(5)
    }
    await Promise.all([...this.#open, ...long])
  }

  stop(): void {
    this.#isOver = true
  }

  #call(serial: number): void {
    const front = fronts[serial % 2] ?? chatFront
    const stream = serial % 3 === 0
    const model = upstreams[serial % upstreams.length]?.dialect ?? 'messages'
    const call = ask(this.#url, front, { model, content: `hello ${serial}`, stream }).then(
      (seen) => {
        this.times.push(seen.milliseconds)
        this.#judge(fault(seen, stream))
      },
      (thrown: unknown) => this.#judge(String(thrown)),
    )
    this.#open.add(call)
    void call.finally(() => this.#open.delete(call))
  }

  async #longStreams(): Promise<void> {
    const content = '[scene:long@60] [fault:trickle@40]'
    while (!this.#isOver) {
      const seen = await ask(this.#url, chatFront, { model: 'messages', content, stream: true }).catch(String)
      this.#judge(typeof seen === 'string' ? seen : fault(seen, true))
      this.longStreams += 1
    }
  }

  #judge(what: string | undefined): void {
    if (what !== undefined) this.failed.push(what)
  }
}

test('H3: a rolling restart behind HAProxy loses nothing', async () => {
  const upstream = await startUpstream()
  const ports = await Promise.all([freePort(), freePort(), freePort()])
  const start = (port: number): Promise<GatewayProcess> =>
    startGateway({ config, env: upstream.environment, args: ['--port', String(port)] })
  const gateways = await Promise.all(ports.map(start))
  const haproxy = await startHaproxy(ports)
  // It takes a replica for ready after its first look at it.
  await Bun.sleep(1_500)
  const load = new Load(haproxy.url)
  const running = load.run()
  try {
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      const at = restart % ports.length
      const old = gateways[at]
      if (old) await cleanEnd(old)
      gateways[at] = await start(ports[at] ?? 0)
      await Bun.sleep(1_000 + PAUSE_MS)
    }
    load.stop()
    await running
    const calls = load.times.length + load.longStreams
    figure('H3', {
      n: calls,
      restarts: RESTARTS,
      per_second: PER_SECOND,
      long_streams: load.longStreams,
      failed: load.failed.length,
      p50_ms: Math.round(percentile(load.times, 0.5)),
      p99_ms: Math.round(percentile(load.times, 0.99)),
    })
    expect(load.failed.slice(0, 5)).toEqual([])
    expect(calls).toBeGreaterThan(RESTARTS * 100)
  } finally {
    load.stop()
    for (const gateway of gateways) gateway.kill('SIGKILL')
    await Promise.all(gateways.map(({ exited }) => exited))
    await running
    await haproxy.close()
    await upstream.close()
  }
}, 900_000)
