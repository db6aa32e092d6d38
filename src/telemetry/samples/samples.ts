import type { Call, CallObserver } from '../../pipeline/call.ts'
import type { Logger } from '../log.ts'
import { LogSink } from '../log-sink.ts'
import type { Redactor } from '../redact.ts'
import { Allowance, AnswerExcerpt, promptOf } from './excerpt.ts'
import { SampleFiles } from './sample-files.ts'

export interface SamplesOptions {
  /** Its folder is `samples` in the data directory. */
  folder: string
  redactor: Pick<Redactor, 'text'>
  log: Pick<Logger, 'info' | 'warn'>
  /** Days that samples are kept, as configured now. */
  retentionDays(): number
  /** Whether a name fits one of the patterns. */
  matches(name: string, patterns: readonly string[]): boolean
  /** Uniform in [0, 1). */
  random(): number
  /** Milliseconds since 1970. */
  now(): number
}

/** Characters of the prompt, and as many of the answer, that one sample holds. */
const CHARACTERS = 32 * 1024
/** Bytes of one sample: characters may take several. */
const MAXIMUM_BYTES = 128 * 1024
const HOUR_MILLISECONDS = 3_600_000

/**
 * Keeps prompts and answers of some calls: only where the configuration switches it on, of the tenants it names, its
 * share of them, without secrets, and for its days (promise M6). Made after the answer; written in batches whose
 * pending bytes are bounded.
 */
export class Samples implements CallObserver {
  readonly #options: SamplesOptions
  readonly #files: SampleFiles
  readonly #sink: LogSink
  readonly #answers = new WeakMap<Call, AnswerExcerpt>()
  #timer: ReturnType<typeof setInterval> | undefined
  #toldLost = 0

  constructor(options: SamplesOptions) {
    this.#options = options
    this.#files = new SampleFiles(options.folder, options.now)
    this.#sink = new LogSink(this.#files)
  }

  /** Samples that could not be kept. */
  get lost(): number {
    return this.#sink.lost
  }

  begun(call: Call): void {
    const { enabled, rate, tenants } = call.snapshot.observability.samples
    if (!enabled || !(this.#options.random() < rate)) return
    if (!this.#options.matches(call.tenant, tenants)) return
    const answer = new AnswerExcerpt(CHARACTERS)
    this.#answers.set(call, answer)
    call.taps.push((events) => answer.push(events))
  }

  ended(call: Call, milliseconds: number): void {
    const answer = this.#answers.get(call)
    if (!answer) return
    this.#answers.delete(call)
    this.#sink.push(`${this.#sampleOf(call, answer, milliseconds)}\n`)
  }

  /** Removes what is too old, now and every hour: also while nothing new is kept. */
  start(): void {
    void this.clean()
    this.#timer = setInterval(() => void this.clean(), HOUR_MILLISECONDS)
    this.#timer.unref()
  }

  /** Writes what is pending. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#sink.flush()
  }

  async clean(): Promise<void> {
    const { log, retentionDays } = this.#options
    try {
      const days = await this.#files.removeOlder(retentionDays())
      if (days > 0) log.info('old samples were removed', { days })
    } catch (thrown) {
      log.warn('old samples could not be removed', { reason: String(thrown) })
    }
    const { lost } = this
    if (lost > this.#toldLost) log.warn('samples could not be kept', { lost: lost - this.#toldLost })
    this.#toldLost = lost
  }

  /** With smaller pieces when the bytes are too many. */
  #sampleOf(call: Call, answer: AnswerExcerpt, milliseconds: number): string {
    for (let characters = CHARACTERS; ; characters = characters >> 1) {
      const sample = JSON.stringify(this.#membersOf(call, answer, milliseconds, characters))
      if (Buffer.byteLength(sample) <= MAXIMUM_BYTES || characters === 0) return sample
    }
  }

  #membersOf(call: Call, answer: AnswerExcerpt, milliseconds: number, characters: number): object {
    const { record, request, identity } = call
    const clean = (text: string): string => this.#options.redactor.text(text)
    const { messages, earlier } = promptOf(request, new Allowance(characters, clean))
    const { error } = record
    return {
      time: new Date(this.#options.now()).toISOString(),
      request_id: clean(call.id),
      tenant_id: call.tenant,
      key_id: identity.key?.id,
      endpoint: record.endpoint,
      model: clean(record.model.slice(0, 200)),
      target: record.target === undefined ? undefined : clean(record.target.slice(0, 200)),
      stream: record.stream,
      status: record.status,
      ended_by: record.endedBy,
      finish_reason: record.finish?.reason,
      replay: record.replay,
      latency_ms: Math.round(milliseconds),
      input_tokens: record.usage?.inputTokens,
      output_tokens: record.usage?.outputTokens,
      earlier_messages: earlier === 0 ? undefined : earlier,
      messages,
      answer: answer.parts(new Allowance(characters, clean)),
      error_type: error?.kind,
      error: error && clean(error.message).slice(0, 500),
    }
  }
}
