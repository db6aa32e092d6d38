import { describe, expect, test } from 'bun:test'
import type { WorkerEvents, WorkerPlace, WorkerProcess } from '../platform/worker-process.ts'
import type { Family } from '../telemetry/metrics/family.ts'
import type { FromWorker, ToWorker } from './worker-messages.ts'
import { Supervisor } from './worker-supervisor.ts'

/** A process that does nothing by itself. */
class Fake implements WorkerProcess {
  readonly pid: number
  readonly place: WorkerPlace
  readonly #events: WorkerEvents
  readonly heard: ToWorker[] = []
  readonly signals: string[] = []

  constructor(pid: number, place: WorkerPlace, events: WorkerEvents) {
    this.pid = pid
    this.place = place
    this.#events = events
  }

  send(message: unknown): void {
    this.heard.push(message as ToWorker)
  }
  kill(signal: NodeJS.Signals): void {
    this.signals.push(signal)
  }
  say(message: FromWorker): void {
    this.#events.message(message)
  }
  ready(port = 8080): void {
    this.say({ kind: 'ready', url: `http://here:${port}`, port })
  }
  exit(code: number | null, signal: string | null = null): void {
    this.#events.exit(code, signal)
  }
  /** Answers everything it is asked. */
  answer(value: unknown): void {
    for (const message of this.heard)
      if (message.kind === 'ask') this.say({ kind: 'told', id: message.id, value })
  }
}

class Stage {
  now = 0
  readonly processes: Fake[] = []
  readonly ready: string[] = []
  readonly warnings: unknown[] = []
  timers: { at: number; wake: () => void }[] = []
  exitCode: number | undefined
  readonly supervisor: Supervisor

  constructor(count: number) {
    this.supervisor = new Supervisor({
      count,
      start: (place, events) => {
        const process = new Fake(this.processes.length + 1, place, events)
        this.processes.push(process)
        return process
      },
      now: () => this.now,
      after: (milliseconds, wake) => {
        const timer = { at: this.now + milliseconds, wake }
        this.timers.push(timer)
        return () => {
          this.timers = this.timers.filter((each) => each !== timer)
        }
      },
      onReady: (url) => void this.ready.push(url),
      log: { warn: (_, fields) => void this.warnings.push(fields) },
    })
    void this.supervisor.run().then((code) => {
      this.exitCode = code
    })
  }

  /** The last process of a worker. */
  worker(number: number): Fake {
    const found = this.processes.filter(({ place }) => place.number === number).at(-1)
    if (!found) throw new Error(`there is no worker ${number}`)
    return found
  }

  advance(milliseconds: number): void {
    this.now += milliseconds
    const due = this.timers.filter(({ at }) => at <= this.now)
    this.timers = this.timers.filter(({ at }) => at > this.now)
    for (const { wake } of due) wake()
  }
}

function serving(count: number): Stage {
  const stage = new Stage(count)
  for (let number = 1; number <= count; number += 1) stage.worker(number).ready()
  return stage
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('start', () => {
  test('the first alone, the others on its port; ready when all are', () => {
    const stage = new Stage(3)
    expect(stage.processes.map(({ place }) => place)).toEqual([{ number: 1 }])
    stage.worker(1).ready(4711)
    expect(stage.processes.map(({ place }) => place)).toEqual([
      { number: 1 },
      { number: 2, port: 4711 },
      { number: 3, port: 4711 },
    ])
    stage.worker(3).ready(4711)
    expect(stage.ready).toEqual([])
    stage.worker(2).ready(4711)
    expect(stage.ready).toEqual(['http://here:4711'])
    for (const { heard } of stage.processes) expect(heard).toEqual([{ kind: 'serving' }])
  })

  test.each([1, 2])('worker %d of two that cannot start ends all with its code', async (number) => {
    const stage = new Stage(2)
    if (number === 2) stage.worker(1).ready()
    stage.worker(number).exit(2)
    if (number === 2) {
      expect(stage.worker(1).signals).toEqual(['SIGTERM'])
      stage.worker(1).exit(0)
    }
    await settled()
    expect([stage.exitCode, stage.ready, stage.warnings]).toEqual([2, [], []])
  })
})

describe('a worker that ends', () => {
  test('is started again on the same port, and the ready line is not said again', () => {
    const stage = serving(2)
    stage.worker(2).exit(null, 'SIGKILL')
    expect(stage.warnings).toEqual([{ worker: 2, pid: 2, exit_code: null, signal: 'SIGKILL', pause_ms: 100 }])
    expect(stage.processes).toHaveLength(2)
    stage.advance(100)
    expect(stage.worker(2).place).toEqual({ number: 2, port: 8080 })
    stage.worker(2).ready()
    expect(stage.ready).toHaveLength(1)
    expect(stage.worker(2).heard).toEqual([{ kind: 'serving' }])
  })

  test('soon and again waits longer each time, at most ten seconds; a long life is forgiven', () => {
    const stage = serving(1)
    for (const pause of [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]) {
      stage.worker(1).exit(1)
      expect(stage.warnings.at(-1)).toMatchObject({ pause_ms: pause })
      stage.advance(pause)
    }
    stage.worker(1).ready()
    stage.advance(60_000)
    stage.worker(1).exit(1)
    expect(stage.warnings.at(-1)).toMatchObject({ pause_ms: 100 })
  })
})

describe('the order to stop', () => {
  test('goes to all; the end is there when all have ended', async () => {
    const stage = serving(2)
    stage.supervisor.stop('SIGTERM')
    for (const { signals } of stage.processes) expect(signals).toEqual(['SIGTERM'])
    stage.worker(1).exit(0)
    await settled()
    expect(stage.exitCode).toBeUndefined()
    stage.worker(2).exit(0)
    await settled()
    expect([stage.exitCode, stage.warnings, stage.timers]).toEqual([0, [], []])
  })

  test('is in order also for one that could not take it yet, and for one that waits to be started again', async () => {
    const stage = serving(3)
    stage.worker(2).exit(1)
    stage.worker(3).exit(1)
    stage.advance(100)
    stage.worker(3).exit(1)
    stage.supervisor.stop('SIGTERM')
    stage.worker(1).exit(0)
    stage.worker(2).exit(null, 'SIGTERM')
    await settled()
    expect(stage.exitCode).toBe(0)
    stage.advance(60_000)
    expect(stage.processes).toHaveLength(5)
  })

  test('one that did not end in order is told by the exit code', async () => {
    const stage = serving(2)
    stage.supervisor.stop('SIGTERM')
    stage.worker(1).exit(null, 'SIGSEGV')
    stage.worker(2).exit(0)
    await settled()
    expect(stage.exitCode).toBe(1)
  })
})

test('other signals go to those that can take them', () => {
  const stage = new Stage(2)
  stage.worker(1).ready()
  stage.supervisor.signal('SIGHUP')
  expect([stage.worker(1).signals, stage.worker(2).signals]).toEqual([['SIGHUP'], []])
})

describe('gathering', () => {
  const counter = (value: number): Family => ({
    name: 'n_total',
    type: 'counter',
    labels: [],
    help: '',
    gather: 'sum',
    samples: [{ labels: [], value }],
  })

  test('all are asked, and the one who asked gets their answers', () => {
    const stage = serving(2)
    stage.worker(2).say({ kind: 'ask', id: 7, topic: 'status' })
    stage.worker(1).answer('one')
    stage.worker(2).answer('two')
    const told = [
      { worker: '1', value: 'one' },
      { worker: '2', value: 'two' },
    ]
    expect(stage.worker(2).heard.at(-1)).toEqual({ kind: 'gathered', id: 7, gathered: { told, retired: [] } })
    expect(stage.timers).toEqual([])
  })

  test.each(['is silent', 'ends'])('one that %s is left out', (what) => {
    const stage = serving(2)
    stage.worker(1).say({ kind: 'ask', id: 7, topic: 'status' })
    stage.worker(1).answer('one')
    if (what === 'ends') stage.worker(2).exit(1)
    else stage.advance(1_000)
    const gathered = { told: [{ worker: '1', value: 'one' }], retired: [] }
    expect(stage.worker(1).heard.at(-1)).toEqual({ kind: 'gathered', id: 7, gathered })
  })

  test('what one had counted that is gone is not lost', () => {
    const stage = serving(2)
    stage.worker(1).say({ kind: 'ask', id: 7, topic: 'metrics' })
    stage.worker(1).answer([counter(3)])
    stage.worker(2).answer([counter(4)])
    stage.worker(2).exit(1)
    stage.advance(100)
    stage.worker(2).ready()
    stage.worker(1).say({ kind: 'ask', id: 8, topic: 'metrics' })
    stage.worker(1).answer([counter(5)])
    stage.worker(2).answer([counter(0)])
    const last = stage.worker(1).heard.at(-1)
    if (last?.kind !== 'gathered') throw new Error('nothing was gathered')
    expect(last.gathered.retired.map(({ name, samples }) => [name, samples[0]?.value])).toEqual([
      ['n_total', 4],
    ])
    expect(last.gathered.told).toHaveLength(2)
  })
})
