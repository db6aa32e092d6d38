import type { Circuit, ModelEntry, RetryPolicy, Snapshot } from '../../config/snapshot.ts'
import { toGatewayError } from '../../pipeline/answer-reader.ts'
import type { AttemptRecord, Call, Reply } from '../../pipeline/call.ts'
import type { Target } from '../../pipeline/target.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import type { AnswerEvent } from '../../protocol/model/event.ts'
import { createResilience } from '../../resilience/create.ts'
import type { Pass, Resilience, Standing } from '../../resilience/resilience.ts'
import { attempt } from '../attempt.ts'
import { callWith, requestWith, targetNamed } from '../testing.ts'

/** A clock that stands still while anything happens, and jumps to the next timer when nothing does. */
export class VirtualTime {
  now = 0
  readonly #timers = new Set<{ at: number; ring: () => void }>()

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const timer = { at: this.now + milliseconds, ring: resolve }
      this.#timers.add(timer)
      const stop = (): void => {
        this.#timers.delete(timer)
        resolve()
      }
      signal?.addEventListener('abort', stop, { once: true })
    })
  }

  /** Lets time pass until the work is done. */
  async during<Value>(work: Promise<Value>): Promise<Value> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    work.then(over, over)
    for (;;) {
      await quiet()
      if (isOver) return work
      this.#jump()
    }
  }

  #jump(): void {
    const [next] = [...this.#timers].sort((one, other) => one.at - other.at)
    if (!next) throw new Error('Nothing happens any more, and the work is not done.')
    this.#timers.delete(next)
    this.now = Math.max(this.now, next.at)
    next.ring()
  }
}

/** Every promise that can settle has. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** How one try of an upstream goes: after so long its content comes, or the error. */
export interface Try {
  afterMs?: number
  error?: unknown
  /** It does not notice that it was given up. */
  deaf?: true
  /** The answer breaks with this after its first content. */
  breaks?: GatewayError
}

export interface BenchOptions {
  targets?: readonly Target[]
  /** The try of a target, by its label and how often it was tried, from 1; undefined: it answers at once. */
  tries?(label: string, count: number, credential: string | undefined): Try | undefined
  retry?: Partial<RetryPolicy>
  model?: Partial<ModelEntry>
  headers?: Record<string, string>
  random?(): number
  /** Shares what is remembered with another bench. */
  shared?: { time: VirtualTime; resilience: CountedResilience }
}

export interface Run {
  call: Call
  reply?: Reply
  error?: GatewayError
  /** Labels in the order in which they were tried, with the credential where there are several. */
  tried: string[]
  /** When each try began. */
  begun: number[]
  /** When the call was answered or refused. */
  endedAt: number
  /** Texts of the events that taps heard. */
  heard: string[]
  /** Tries whose signal was aborted, by label, and when. */
  aborted: { label: string; at: number }[]
  /** Attempts as the record has them. */
  attempts: AttemptRecord[]
  /** The client has its last byte. */
  end(): void
}

/** Passes that were given, so that a test can see that each was ended and released once. */
export class CountedResilience {
  readonly inner: Resilience
  given = 0
  ended = 0
  released = 0
  broke = 0
  readonly outcomes: string[] = []

  constructor(inner: Resilience) {
    this.inner = inner
  }

  /** The real one, with passes that count. */
  get counting(): Resilience {
    const { inner } = this
    return {
      standing: (target) => inner.standing(target),
      enter: (target) => this.#counted(inner.enter(target)),
      earn: (target, budget) => inner.earn(target, budget),
      spend: (target) => inner.spend(target),
      spendHedge: (model, budget) => inner.spendHedge(model, budget),
      earnHedge: (model, budget) => inner.earnHedge(model, budget),
      latencyOf: (target) => inner.latencyOf(target),
      circuits: () => inner.circuits(),
      cooldowns: () => inner.cooldowns(),
    }
  }

  #counted(found: Pass | Standing): Pass | Standing {
    if ('open' in found) return found
    this.given += 1
    return {
      target: found.target,
      probe: found.probe,
      end: (outcome) => {
        this.ended += 1
        this.outcomes.push(outcome.kind)
        found.end(outcome)
      },
      broke: () => {
        this.broke += 1
        found.broke()
      },
      release: () => {
        this.released += 1
        found.release()
      },
    }
  }
}

export const retryPolicy: RetryPolicy = {
  maxRetries: 3,
  backoffMs: 500,
  maxAttempts: 10,
  maxRetryAfterMs: 10_000,
  budget: 0.1,
  retryAfterSent: false,
}

/** Opens after so many failures in a row, for ten seconds. */
export function circuitOf(failureThreshold: number, more: Partial<Circuit> = {}): Circuit {
  return {
    failureThreshold,
    failureSpanMs: 0,
    failureRate: 1,
    windowMs: 30_000,
    minimumAttempts: 1_000,
    openMs: 10_000,
    probes: 1,
    successThreshold: 1,
    ...more,
  }
}

/** A target over HTTP; with names of credentials it has siblings. */
export function target(
  label: string,
  more: Partial<Target> = {},
  credentials: readonly string[] = [],
): Target {
  const provider = { kind: 'http', id: 'any' } as Target['provider']
  const plain: Target = { ...targetNamed(label), provider, ...more }
  if (credentials.length === 0) return plain
  const siblings: Target[] = credentials.map((name) => ({ ...plain, credential: { name } }))
  for (const sibling of siblings) sibling.siblings = siblings
  return siblings[0] as Target
}

export function rememberingResilience(time: VirtualTime): CountedResilience {
  const known: Partial<Snapshot> = { models: new Map(), wildcards: [], providers: {} }
  return new CountedResilience(
    createResilience({
      now: () => time.now,
      monotonic: () => time.now,
      announcements: { publish() {}, subscribe: () => () => {} },
      snapshot: () => known as Snapshot,
      onEvent() {},
    }),
  )
}

export interface Bench {
  time: VirtualTime
  resilience: CountedResilience
  controller: AbortController
  call: Call
  run(): Promise<Run>
}

/** The policy over real circuits, cool-downs and budgets, on a clock that the bench turns. */
export function bench(options: BenchOptions = {}): Bench {
  const { tries = () => undefined, model = {}, headers = {}, random = () => 0.5 } = options
  const time = options.shared?.time ?? new VirtualTime()
  const resilience = options.shared?.resilience ?? rememberingResilience(time)
  const controller = new AbortController()
  const entry = { name: 'm', routes: [], defaults: {}, ...model }
  const snapshot: Partial<Snapshot> = { retry: { ...retryPolicy, ...options.retry }, resolve: () => entry }
  const heard: string[] = []
  const call = callWith({
    signal: controller.signal,
    left: controller.signal,
    headers: new Headers(headers),
    members: new Map(),
    body: new Uint8Array(0),
    request: requestWith([]),
    snapshot: snapshot as Snapshot,
    startedAt: time.now,
    ends: [],
    replyHeaders: {},
    taps: [(events) => void heard.push(...events.map(textOf))],
    targets: options.targets ?? [target('first')],
  })
  const run: Run = {
    call,
    tried: [],
    begun: [],
    endedAt: 0,
    heard,
    aborted: [],
    attempts: call.record.attempts,
    end: () => {
      call.record.status ??= 200
      for (const end of call.ends) end()
    },
  }
  const upstream = async (seen: Call): Promise<Reply> => {
    const [chosen] = seen.targets
    if (!chosen || seen.targets.length > 1) throw new Error('one target is handed on')
    const { label, credential } = chosen
    run.tried.push(credential ? `${label}#${credential.name}` : label)
    run.begun.push(time.now)
    const count = run.tried.filter((one) => one.startsWith(label)).length
    const { afterMs = 0, error, deaf, breaks } = tries(label, count, credential?.name) ?? {}
    seen.signal.addEventListener('abort', () => run.aborted.push({ label, at: time.now }), { once: true })
    if (afterMs > 0) await time.sleep(afterMs, deaf ? undefined : seen.signal)
    if (seen.signal.aborted && !deaf)
      throw new GatewayError('client_closed', 'The client closed the connection')
    if (error !== undefined) throw error
    const says: AnswerEvent = { type: 'block-delta', index: 0, delta: { type: 'text', text: label } }
    for (const tap of seen.taps) tap([says])
    if (breaks) Object.assign(seen.record, { error: breaks, endedBy: 'upstream' })
    return { status: 200, headers: { attempts: String(seen.record.attempts.length) }, body: label }
  }
  const handler = attempt({
    resilience: resilience.counting,
    random,
    now: () => time.now,
    sleep: (milliseconds, signal) => time.sleep(milliseconds, signal),
  })(upstream)
  return {
    time,
    resilience,
    controller,
    call,
    async run() {
      try {
        run.reply = await time.during(handler(call))
      } catch (thrown) {
        run.error = toGatewayError(thrown)
      }
      run.endedAt = time.now
      return run
    },
  }
}

function textOf(one: AnswerEvent): string {
  return one.type === 'block-delta' && one.delta.type === 'text' ? one.delta.text : ''
}
