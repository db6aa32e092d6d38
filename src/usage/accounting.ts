import type { Snapshot } from '../config/snapshot.ts'
import type { Call, Refusal } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import { estimateTokens } from '../protocol/model/estimate.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import type { UsageStore } from '../store/ports/usage.ts'
import { Entry, type NotedAttempt } from './entry.ts'
import { Ledger, type LedgerHealth, UNWRITABLE } from './ledger.ts'
import type { UsageLog } from './log.ts'
import { formatDollars } from './money.ts'
import { refusedRow, rowOf } from './row.ts'
import { timedId } from './row-id.ts'
import { type LastAttempt, settle } from './settle.ts'

export interface AccountingOptions {
  dataDirectory: string
  /** Without one nothing is written, and only the price of an answer is told. */
  store: UsageStore | undefined
  /** The configuration that is live now. */
  snapshot(): Snapshot
  /** Milliseconds since 1970. */
  now(): number
  /** A fresh id of letters and digits. */
  newId(): string
  log: UsageLog
  /** Rows a batch into the store, at most. Default 1,000. */
  batchRows?: number
}

/** What the gateway does for its bill. */
export interface Accounting {
  /**
   * For every call as soon as it is known: whatever becomes of it, its row is written when it is over. Harmless when
   * repeated. Throws 503 while the journal has no room.
   */
  begin(call: Call): void
  /** For every request that never became a call: its row. Never throws. */
  refused(refusal: Refusal): void
  /**
   * For every attempt, before a byte goes to its target. A promise when it is written down: that rejects with 503 when
   * it cannot be.
   */
  attempt(call: Call, target: Target): Promise<void> | undefined
  /** Begins to look after the journals of gateways that are gone, and after old rows. */
  start(): void
  /** Waits until every row of a call that is over is in the store; false after the time. */
  flush(milliseconds: number): Promise<boolean>
  /** At the end of the process: ships what it can in the time; the rest waits in the journal for the next start. */
  stop(milliseconds: number): Promise<void>
  /** Undefined without a store. */
  health(): LedgerHealth | undefined
}

export function createAccounting({ store, ...options }: AccountingOptions): Accounting {
  return new Books(store && new Ledger({ ...options, store }), options.now, options.newId)
}

const COST_HEADER = 'x-xjp-cost'

/** The code of an attempt that was given up before anything of it was sent. */
export const NOT_MADE = 'attempt_not_made'

class Books implements Accounting {
  readonly #ledger: Ledger | undefined
  readonly #now: () => number
  readonly #newId: () => string

  constructor(ledger: Ledger | undefined, now: () => number, newId: () => string) {
    this.#ledger = ledger
    this.#now = now
    this.#newId = newId
  }

  begin(call: Call): void {
    this.#ledger?.checkRoom()
    this.#entryOf(call)
  }

  refused(refusal: Refusal): void {
    const ledger = this.#ledger
    if (!ledger?.hasRoom) return
    const now = this.#now()
    ledger.settle(refusedRow(refusal, timedId(now, this.#newId()), now, performance.now()))
  }

  attempt(call: Call, target: Target): Promise<void> | undefined {
    const entry = this.#entryOf(call)
    const { settings, model, label } = target
    const startedAt = this.#now()
    const written = this.#ledger?.intent({
      id: entry.id,
      attempt: entry.attempts.length,
      requestId: call.id,
      tenant: call.tenant,
      ...(call.identity.key ? { keyId: call.identity.key.id } : {}),
      endpoint: call.record.endpoint,
      model: call.record.model,
      provider: settings.name,
      upstreamModel: model,
      stream: call.record.stream,
      callStartedAt: entry.startedAt,
      startedAt,
      inputTokens: quickEstimate(call),
      tags: call.identity.key?.tags ?? {},
    })
    // An attempt may run on a call of its own, whose events are the call's only when it is the one that answers.
    if (entry.attempts.length === 0) entry.call.taps.push((events) => this.#tap(entry, events))
    entry.attempts.push({
      provider: settings.name,
      model,
      target: label,
      startedAt,
      begun: performance.now(),
      record: call.attempt ?? call.record.attempts.at(-1),
    })
    return written
  }

  start(): void {
    this.#ledger?.start()
  }

  flush(milliseconds: number): Promise<boolean> {
    return this.#ledger?.flush(milliseconds) ?? Promise.resolve(true)
  }

  async stop(milliseconds: number): Promise<void> {
    await this.#ledger?.stop(milliseconds)
  }

  health(): LedgerHealth | undefined {
    return this.#ledger?.health
  }

  #entryOf(call: Call): Entry {
    if (call.account instanceof Entry) return call.account
    const now = this.#now()
    const entry = new Entry(this.#ledger ? timedId(now, this.#newId()) : '', call, now)
    call.account = entry
    call.ends.push(() => this.#end(entry))
    return entry
  }

  /** Before a whole answer leaves, its headers can still say what it cost. */
  #tap(entry: Entry, events: readonly AnswerEvent[]): void {
    const { call, counter } = entry
    counter.read(events)
    if (call.record.stream || !counter.complete) return
    this.#settle(entry)
    const { cost } = call.record
    if (cost !== undefined) call.replyHeaders[COST_HEADER] = formatDollars(cost)
  }

  #end(entry: Entry): void {
    const noted = entry.attempts.length
    entry.forget(isUnmade)
    if (!entry.settlement) this.#settle(entry)
    if (this.#ledger && entry.settlement)
      this.#ledger.settle(rowOf(entry, entry.settlement, performance.now()), noted)
  }

  #settle(entry: Entry): void {
    const { call, counter } = entry
    const settlement = settle(call, lastAttempt(entry), counter)
    entry.settlement = settlement
    // Limits settle by these, and the log line shows them.
    if (settlement.usage) call.record.usage = settlement.usage
    if (settlement.cost !== undefined) call.record.cost = settlement.cost
  }
}

/** It could not be written down, or nobody waited for it any more when it was: then it was never made. */
function isUnmade({ record }: NotedAttempt): boolean {
  const code = record?.error?.details.code
  return code === UNWRITABLE || code === NOT_MADE
}

function lastAttempt({ final: last }: Entry): LastAttempt | undefined {
  if (!last) return undefined
  const failed = last.record?.error
  return {
    provider: last.provider,
    model: last.model,
    inFlight: failed === undefined || failed.kind === 'client_closed',
  }
}

/** About this many bytes of a request are a token. */
const BYTES_PER_TOKEN = 4
const SMALL_BYTES = 4_096

/** For the intent alone: exact enough for what nobody may ever ask about, and quick for prompts of any length. */
function quickEstimate({ request, body }: Call): number {
  return body.length <= SMALL_BYTES || hasMedia(request)
    ? estimateTokens(request)
    : Math.ceil(body.length / BYTES_PER_TOKEN)
}

/** Whose bytes say nothing about their tokens. */
function hasMedia({ messages }: ChatRequest): boolean {
  return messages.some(({ content }) =>
    content.some((block) => block.type === 'media' || block.type === 'tool-result'),
  )
}
