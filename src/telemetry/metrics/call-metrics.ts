import type { AttemptRecord, Call, CallObserver, CallRecord, Refusal } from '../../pipeline/call.ts'
import { type CallNames, NONE } from './call-names.ts'
import { catalogue } from './catalogue.ts'
import type { Histogram } from './instruments.ts'
import type { Registry } from './registry.ts'

export interface CallMetricsOptions {
  registry: Registry
  names: CallNames
  /** Milliseconds on the clock that never jumps. */
  now(): number
}

const PICODOLLARS = 1e12

/** Where a limit that refused a call is named (policies/limit.ts). */
const LIMIT_HEADER = 'x-xjp-limit'
/** Codes of a key that is not for what was asked (policies/authorise.ts, policies/routes/conditions.ts). */
const outOfScope = new Set(['model_not_allowed', 'route_not_allowed', 'target_not_allowed'])

/**
 * Counts calls from their records when they are over. While one runs, nothing is done but two numbers with every read
 * of a streamed answer.
 */
export class CallMetrics implements CallObserver {
  readonly #names: CallNames
  readonly #now: () => number
  readonly #metrics: ReturnType<typeof instruments>
  readonly #shedCounts = new Map<string, number>()
  #limitHits = 0
  #outOfScope = 0

  constructor({ registry, names, now }: CallMetricsOptions) {
    this.#names = names
    this.#now = now
    this.#metrics = instruments(registry)
    registry.watch(catalogue.limitHits, () => [[[], this.#limitHits]])
    registry.watch(catalogue.namesFolded, () => names.folded())
  }

  /** Calls refused with a 503 of ours, by reason. */
  get shed(): ReadonlyMap<string, number> {
    return this.#shedCounts
  }

  /** Calls refused because their key is not for the model, or for no target of it. */
  get outOfScope(): number {
    return this.#outOfScope
  }

  begun(call: Call): void {
    if (call.record.stream) call.taps.push(this.#gapTap(call))
  }

  ended(call: Call, milliseconds: number): void {
    const { record } = call
    const metrics = this.#metrics
    const isAnswered = record.firstByteMs !== undefined
    const model = this.#names.modelOf(call, isAnswered)
    const provider = this.#names.providerOf(record.provider)
    const tenant = this.#names.tenant.of(call.tenant)
    metrics.requests.of(model, provider, tenant, String(record.status ?? 0)).add()
    metrics.duration.of(model, provider, record.endpoint).observe(milliseconds / 1000)
    if (record.stream) this.#streamed(record, model, provider)
    if (record.replay === true) metrics.replays.of(model).add()
    else this.#used(record, model, tenant)
    if (record.attempts.length > 0) this.#attempted(call, model)
    if (record.passedOver !== undefined)
      for (const { reason } of record.passedOver)
        metrics.passedOver.of(model, this.#names.reason.of(reason)).add()
    if (record.queuedMs !== undefined && record.queuedMs > 0)
      metrics.queueWait.of().observe(record.queuedMs / 1000)
    if (record.error !== undefined || record.endedBy === 'client') this.#failed(call, model, provider)
  }

  refused({ error, status, endedBy, endpoint, identity, startedAt }: Refusal): void {
    const metrics = this.#metrics
    metrics.requests.of(NONE, NONE, this.#names.tenant.of(identity.tenant), String(status)).add()
    metrics.duration.of(NONE, NONE, endpoint).observe((this.#now() - startedAt) / 1000)
    metrics.errors.of(NONE, NONE, endedBy === 'client' ? 'client_closed' : error.kind, endedBy).add()
    if (error.kind === 'unavailable') this.#shed(error.details.code)
  }

  /** The first batch is the first content; what is measured lies between it and the next, and so on. */
  #gapTap(call: Call): () => void {
    let before: number | undefined
    let gaps: Histogram | undefined
    return () => {
      const now = this.#now()
      if (before !== undefined) {
        gaps ??= this.#metrics.gaps.of(
          this.#names.modelOf(call, true),
          this.#names.providerOf(call.record.provider),
        )
        gaps.observe((now - before) / 1000)
      }
      before = now
    }
  }

  #streamed({ bytesSent, firstByteMs }: CallRecord, model: string, provider: string): void {
    if (bytesSent > 0) this.#metrics.streamedBytes.of(model, provider).add(bytesSent)
    if (firstByteMs !== undefined) this.#metrics.firstToken.of(model, provider).observe(firstByteMs / 1000)
  }

  /** As the row of the call has it (usage/row.ts). */
  #used({ usage, cost }: CallRecord, model: string, tenant: string): void {
    const { tokens, cost: dollars } = this.#metrics
    if (cost !== undefined && cost > 0n) dollars.of(model, tenant).add(Number(cost) / PICODOLLARS)
    if (usage === undefined) return
    const written = (usage.cacheWrite5mTokens ?? 0) + (usage.cacheWrite1hTokens ?? 0)
    const add = (type: string, amount: number | undefined): void => {
      if (amount !== undefined && amount > 0) tokens.of(model, tenant, type).add(amount)
    }
    add('prompt', usage.inputTokens)
    add('completion', usage.outputTokens)
    add('cached', usage.cacheReadTokens)
    add('cache_write', usage.cacheWriteTokens ?? written)
    add('reasoning', usage.reasoningTokens)
  }

  #attempted({ record, startedAt }: Call, model: string): void {
    const { attempts } = record
    for (const [index, attempt] of attempts.entries()) {
      const provider = this.#names.providerOf(attempt.provider)
      const reason = this.#names.reason.of(attempt.reason ?? reasonOf(attempts, index))
      this.#metrics.attempts.of(model, provider, reason, outcomeOf(attempt, record, index)).add()
    }
    const sentAt = attempts[0]?.sentAt
    if (sentAt !== undefined)
      this.#metrics.added.of(record.endpoint).observe((sentAt - startedAt - (record.queuedMs ?? 0)) / 1000)
  }

  #failed({ record, replyHeaders }: Call, model: string, provider: string): void {
    const { error, endedBy = 'gateway' } = record
    const kind = endedBy === 'client' ? 'client_closed' : (error?.kind ?? 'internal')
    this.#metrics.errors.of(model, provider, kind, endedBy).add()
    if (error === undefined || error.details.upstream !== undefined) return
    const limit = replyHeaders[LIMIT_HEADER]
    if (limit !== undefined) {
      this.#limitHits += 1
      this.#metrics.limitRefusals.of(this.#names.reason.of(limit)).add()
    } else if (error.kind === 'unavailable') this.#shed(error.details.code)
    else if (outOfScope.has(error.details.code ?? '')) this.#outOfScope += 1
  }

  #shed(code = 'unavailable'): void {
    const reason = this.#names.reason.of(code)
    this.#shedCounts.set(reason, (this.#shedCounts.get(reason) ?? 0) + 1)
  }
}

function instruments(registry: Registry) {
  return {
    requests: registry.counter(catalogue.requests),
    duration: registry.histogram(catalogue.duration),
    tokens: registry.counter(catalogue.tokens),
    streamedBytes: registry.counter(catalogue.streamedBytes),
    errors: registry.counter(catalogue.errors),
    firstToken: registry.histogram(catalogue.firstToken),
    gaps: registry.histogram(catalogue.gaps),
    added: registry.histogram(catalogue.added),
    cost: registry.counter(catalogue.cost),
    limitRefusals: registry.counter(catalogue.limitRefusals),
    replays: registry.counter(catalogue.replays),
    attempts: registry.counter(catalogue.attempts),
    passedOver: registry.counter(catalogue.passedOver),
    queueWait: registry.histogram(catalogue.queueWait),
  }
}

/** Where the policy that made an attempt does not say why: the first, the same target again, or another. */
function reasonOf(attempts: readonly AttemptRecord[], index: number): string {
  if (index === 0) return 'preferred'
  return attempts[index - 1]?.target === attempts[index]?.target ? 'retry' : 'fallback'
}

function outcomeOf({ error, lost }: AttemptRecord, record: CallRecord, index: number): string {
  if (error !== undefined) return error.kind
  if (lost === true) return 'lost'
  // What failed after its first content failed with the call; an attempt that was given up has no end of its own.
  if (index < record.attempts.length - 1 && record.firstByteMs === undefined) return 'open'
  if (record.endedBy === 'upstream' && record.error !== undefined) return record.error.kind
  return record.firstByteMs === undefined ? 'open' : 'ok'
}
