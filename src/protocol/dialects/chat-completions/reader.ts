import { GatewayError } from '../../model/error.ts'
import type { AnswerEvent } from '../../model/event.ts'
import type { Finish } from '../../model/finish.ts'
import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import { defined, numberOf, objectOf, textOf } from '../../model/loose.ts'
import type { DecodeContext } from '../dialect.ts'
import { ChoiceReader } from './choice-reader.ts'
import { errorInBody } from './error.ts'
import { Events } from './events.ts'
import { keep } from './extensions.ts'
import { decodeUsage } from './usage.ts'
import { chunkFields } from './wire.ts'

/**
 * Makes events of answers: a whole answer is one big chunk. Tolerates what compatible servers do (protocol.md §1.5)
 * and takes everything it does not know along.
 */
export class AnswerReader {
  readonly #events = new Events()
  readonly #context: DecodeContext
  readonly #choices: ChoiceReader[] = []
  #id = ''
  #model = ''
  #created: number | undefined
  #isStarted = false
  #isOver = false
  /** Unread members of the chunks so far, and of those the ones that came after the start. */
  readonly #kept: JsonObject = {}
  readonly #late: JsonObject = {}

  constructor(context: DecodeContext) {
    this.#context = context
  }

  get isOver(): boolean {
    return this.#isOver
  }

  take(): AnswerEvent[] {
    return this.#events.take()
  }

  fail(error: GatewayError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#events.add({ type: 'answer-error', error })
  }

  read(chunk: JsonObject): void {
    if (this.#isOver) return
    const { error, choices } = chunk
    const list = Array.isArray(choices) ? choices : []
    const reported = isReported(error) ? error : errorIn(list)
    if (reported === undefined) this.#chunk(chunk, list)
    else this.fail(errorInBody(reported))
  }

  #chunk(chunk: JsonObject, list: Json[]): void {
    this.#head(chunk)
    for (let position = 0; position < list.length; position += 1) {
      const choice = list[position]
      if (isObject(choice)) this.#choice(choice, position)
    }
    const usage = usageOf(chunk)
    if (!usage) return
    this.#start()
    this.#events.add({ type: 'usage', usage: decodeUsage(usage) })
  }

  #head(chunk: JsonObject): void {
    if (this.#id === '') this.#id = textOf(chunk['id'])
    if (this.#model === '') this.#model = textOf(chunk['model'])
    if (this.#created === undefined) this.#created = secondsOf(chunk['created'])
    for (const key in chunk) {
      const value = chunk[key]
      if (chunkFields.has(key) || value === null || value === undefined || this.#kept[key] === value) continue
      const merged = isObject(value) ? { ...objectOf(this.#kept[key]), ...value } : value
      this.#kept[key] = merged
      if (this.#isStarted) this.#late[key] = merged
    }
  }

  #start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#events.add(
      defined({
        type: 'answer-start',
        id: this.#id || undefined,
        model: this.#model || undefined,
        created: this.#created,
        extensions: keep(this.#kept, { own: 'yes' }),
      }),
    )
  }

  #choice(choice: JsonObject, position: number): void {
    this.#start()
    const number = numberOf(choice['index']) ?? position
    if (!Number.isInteger(number) || number < 0 || number > MOST_CANDIDATES) return
    while (this.#choices.length <= number)
      this.#choices.push(new ChoiceReader(this.#events, this.#choices.length, this.#context))
    this.#choices[number]?.read(choice)
  }

  /** `isDone`: the wire said that there is no more (`[DONE]`, or a whole body). */
  end(isDone: boolean): void {
    if (this.#isOver) return
    const failure = this.#choices.length === 0 ? nothing(isDone) : this.#failure(isDone)
    if (failure) this.fail(failure)
    else this.#finish()
  }

  #finish(): void {
    this.#isOver = true
    const finishes: Finish[] = this.#choices.map((choice) => choice.end())
    this.#events.add(defined({ type: 'answer-end', finishes, extensions: keep(this.#late) }))
  }

  #failure(isDone: boolean): GatewayError | undefined {
    for (const choice of this.#choices) {
      const failure = choice.failure(isDone)
      if (failure) return failure
    }
    return undefined
  }
}

/** The wire's own limit on `n` (protocol.md §1.1). */
const MOST_CANDIDATES = 128

/** `error: null` and `error: false` are harmless (protocol.md §1.1). */
function isReported(error: Json | undefined): error is Exclude<Json, null> {
  return error !== undefined && error !== null && error !== false && error !== ''
}

function errorIn(choices: Json[]): Json | undefined {
  for (const choice of choices) if (isObject(choice) && isReported(choice['error'])) return choice['error']
  return undefined
}

function nothing(isDone: boolean): GatewayError {
  const how = isDone ? 'answered without choices' : 'ended early: no choice, no [DONE]'
  return new GatewayError('upstream_invalid', `the upstream ${how}`)
}

/** Top-level, or in a vendor's own member (`x_…: {usage}`), as one sends it on the finishing chunk (§1.5). */
function usageOf(chunk: JsonObject): JsonObject | undefined {
  if (isObject(chunk['usage'])) return chunk['usage']
  for (const key in chunk) {
    if (!key.startsWith('x_')) continue
    const inner = objectOf(objectOf(chunk[key])?.['usage'])
    if (inner) return inner
  }
  return undefined
}

/** Whole seconds; milliseconds, fractions and text are seen (§1.5); zero means unknown. */
function secondsOf(value: Json | undefined): number | undefined {
  const number = numberOf(value)
  if (number === undefined || number <= 0) return undefined
  return Math.floor(number > 1e11 ? number / 1000 : number)
}
