import type { WorkerEvents, WorkerPlace, WorkerProcess } from '../platform/worker-process.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Family } from '../telemetry/metrics/family.ts'
import { retire } from '../telemetry/metrics/merge.ts'
import type { FromWorker, Told, Topic, ToWorker } from './worker-messages.ts'

export interface SupervisorParts {
  count: number
  start(place: WorkerPlace, events: WorkerEvents): WorkerProcess
  /** Milliseconds on a clock that never jumps. */
  now(): number
  /** Calls back after some milliseconds; gives what takes that back. */
  after(milliseconds: number, wake: () => void): () => void
  /** All are ready, at this address. */
  onReady(url: string): void
  log: Pick<Logger, 'warn'>
}

interface Worker {
  readonly number: number
  process: WorkerProcess | undefined
  startedAt: number
  isReady: boolean
  /** How often it ended soon after it had started, without a long life between. */
  shortLives: number
  /** Takes back that it is started again. */
  cancelStart: (() => void) | undefined
  lastMetrics: readonly Family[]
}

interface Asking {
  waitsFor: Set<Worker>
  told: Told[]
  topic: Topic
  done(): void
}

const FIRST_PAUSE_MILLISECONDS = 100
const LONGEST_PAUSE_MILLISECONDS = 10_000
/** Whoever lived so long ended for another reason than the one before. */
const LONG_LIFE_MILLISECONDS = 60_000
/** A worker that does not answer is left out. */
const ANSWER_MILLISECONDS = 1_000

/**
 * Several processes on one port: starts them, starts one again that ends, hands signals on, and gathers what they know.
 * The first one alone comes first: it finds the port, and makes what there is to be made in the stores.
 */
export class Supervisor {
  readonly #parts: SupervisorParts
  readonly #workers: Worker[]
  readonly #asked = new Map<number, Asking>()
  readonly #ended = Promise.withResolvers<number>()
  #serial = 0
  #port: number | undefined
  #retired: readonly Family[] = []
  #isServing = false
  #stopping: NodeJS.Signals | undefined
  #exitCode = 0

  constructor(parts: SupervisorParts) {
    this.#parts = parts
    this.#workers = Array.from({ length: parts.count }, (_, index) => ({
      number: index + 1,
      process: undefined,
      startedAt: 0,
      isReady: false,
      shortLives: 0,
      cancelStart: undefined,
      lastMetrics: [],
    }))
  }

  /** Resolves with the exit code when all have ended for good: 0 when they did so in order. */
  run(): Promise<number> {
    const [first] = this.#workers
    if (first) this.#start(first)
    return this.#ended.promise
  }

  /** Hands a signal on to those that can take it; the others would end of it. */
  signal(signal: NodeJS.Signals): void {
    for (const { process, isReady } of this.#workers) if (isReady) process?.kill(signal)
  }

  /** All are to end; nobody is started again. */
  stop(signal: NodeJS.Signals): void {
    this.#stopping ??= signal
    for (const worker of this.#workers) {
      worker.cancelStart?.()
      worker.process?.kill(signal)
    }
    this.#endWhenAllHave()
  }

  #start(worker: Worker): void {
    worker.cancelStart = undefined
    worker.startedAt = this.#parts.now()
    const place = { number: worker.number, ...(this.#port === undefined ? {} : { port: this.#port }) }
    worker.process = this.#parts.start(place, {
      message: (message) => this.#heard(worker, message as FromWorker),
      exit: (code, signal) => this.#gone(worker, code, signal),
    })
  }

  #heard(worker: Worker, message: FromWorker): void {
    if (message.kind === 'ready') this.#ready(worker, message.url, message.port)
    else if (message.kind === 'ask')
      this.#gather(message.topic, (told) =>
        send(worker, {
          kind: 'gathered',
          id: message.id,
          gathered: { told, retired: message.topic === 'metrics' ? this.#retired : [] },
        }),
      )
    else this.#told(worker, message.id, message.value)
  }

  #ready(worker: Worker, url: string, port: number): void {
    worker.isReady = true
    if (this.#stopping) return
    if (this.#port === undefined) {
      this.#port = port
      for (const other of this.#workers) if (other !== worker) this.#start(other)
    }
    if (this.#isServing) send(worker, { kind: 'serving' })
    if (this.#isServing || this.#workers.some(({ isReady }) => !isReady)) return
    this.#isServing = true
    this.#parts.onReady(url)
    for (const each of this.#workers) send(each, { kind: 'serving' })
  }

  #gone(worker: Worker, code: number | null, signal: string | null): void {
    const pid = worker.process?.pid ?? 0
    worker.process = undefined
    worker.isReady = false
    this.#retired = retire(this.#retired, worker.lastMetrics)
    worker.lastMetrics = []
    for (const asking of this.#asked.values()) if (asking.waitsFor.delete(worker)) settle(asking)
    if (this.#stopping !== undefined || !this.#isServing) {
      // At the start one that fails says why itself, and nobody serves then.
      if (code !== 0 && signal !== this.#stopping) this.#exitCode ||= code ?? 1
      if (this.#stopping === undefined) this.stop('SIGTERM')
      else this.#endWhenAllHave()
      return
    }
    this.#startAgain(worker, { pid, code, signal })
  }

  #startAgain(worker: Worker, ended: { pid: number; code: number | null; signal: string | null }): void {
    const isShort = this.#parts.now() - worker.startedAt < LONG_LIFE_MILLISECONDS
    const pause = isShort
      ? Math.min(LONGEST_PAUSE_MILLISECONDS, FIRST_PAUSE_MILLISECONDS * 2 ** worker.shortLives)
      : FIRST_PAUSE_MILLISECONDS
    worker.shortLives = isShort ? worker.shortLives + 1 : 0
    this.#parts.log.warn('a worker ended and is started again', {
      worker: worker.number,
      pid: ended.pid,
      exit_code: ended.code,
      signal: ended.signal,
      pause_ms: pause,
    })
    worker.cancelStart = this.#parts.after(pause, () => this.#start(worker))
  }

  #endWhenAllHave(): void {
    if (this.#workers.every(({ process }) => process === undefined)) this.#ended.resolve(this.#exitCode)
  }

  #gather(topic: Topic, done: (told: readonly Told[]) => void): void {
    this.#serial += 1
    const id = this.#serial
    const waitsFor = new Set(this.#workers.filter(({ isReady }) => isReady))
    const cancel = this.#parts.after(ANSWER_MILLISECONDS, () => asking.done())
    const asking: Asking = {
      waitsFor,
      told: [],
      topic,
      done: () => {
        cancel()
        this.#asked.delete(id)
        done(asking.told.sort((one, other) => Number(one.worker) - Number(other.worker)))
      },
    }
    this.#asked.set(id, asking)
    for (const worker of waitsFor) send(worker, { kind: 'ask', id, topic })
    settle(asking)
  }

  #told(worker: Worker, id: number, value: unknown): void {
    const asking = this.#asked.get(id)
    if (!asking?.waitsFor.delete(worker)) return
    if (asking.topic === 'metrics') worker.lastMetrics = value as readonly Family[]
    asking.told.push({ worker: String(worker.number), value })
    settle(asking)
  }
}

function settle(asking: Asking): void {
  if (asking.waitsFor.size === 0) asking.done()
}

function send(worker: Worker, message: ToWorker): void {
  worker.process?.send(message)
}
