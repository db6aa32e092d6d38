import type { Block, Citation } from '../../model/block.ts'
import { type ErrorKind, GatewayError } from '../../model/error.ts'
import type { Finish } from '../../model/finish.ts'
import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import { collect, defined, numberOf, objectOf, objectsOf, textOf } from '../../model/loose.ts'
import type { DecodeContext } from '../dialect.ts'
import { CallReader } from './call-reader.ts'
import { decodePart } from './content-decode.ts'
import type { Events } from './events.ts'
import { decodeFinish, failureOf, isKnownFinish } from './finish.ts'
import { MediaReader } from './media-reader.ts'
import { ThinkingReader } from './thinking-reader.ts'
import { choiceFields, DIALECT, deltaFields } from './wire.ts'

type TextKind = 'text' | 'refusal'

/** Reads one candidate, from deltas or from a whole message: both have the same members (protocol.md §1.1, §1.5). */
export class ChoiceReader {
  readonly #events: Events
  readonly #candidate: number
  readonly #thinking: ThinkingReader
  readonly #calls: CallReader
  readonly #media: MediaReader
  /** The text or refusal block that is open, and how much visible text stood before it. */
  #open: { kind: TextKind; index: number } | undefined
  #textBefore = 0
  #textLength = 0
  #raw: string | undefined
  #hasContent = false
  #hasRefusal = false
  readonly #choiceKept: JsonObject = {}
  readonly #messageKept: JsonObject = {}

  constructor(events: Events, candidate: number, context: DecodeContext) {
    this.#events = events
    this.#candidate = candidate
    this.#thinking = new ThinkingReader(events, candidate, context)
    this.#calls = new CallReader(events, candidate, context)
    this.#media = new MediaReader(events, candidate)
  }

  read(choice: JsonObject): void {
    const delta = choice['delta']
    if (isObject(delta)) this.#message(delta, false)
    else if (isObject(choice['message'])) this.#message(choice['message'], true)
    if (choice['logprobs']) this.#logprobs(objectOf(choice['logprobs']) ?? {})
    const finish = choice['finish_reason']
    if (typeof finish === 'string' && finish !== '') this.#raw ??= finish
    collect(choice, choiceFields, this.#choiceKept)
  }

  /** The order is that in which things are made, whatever the order of the members. */
  #message(message: JsonObject, isWhole: boolean): void {
    if (this.#thinking.read(message, isWhole, this.#closeText)) this.#hasContent = true
    const { content, refusal, audio, images, annotations, tool_calls, function_call } = message
    if (typeof content === 'string') this.#text('text', content)
    else if (Array.isArray(content)) this.#parts(content)
    if (typeof refusal === 'string') this.#text('refusal', refusal)
    if (isObject(audio)) this.#media.audio(audio, this.#messageKept)
    if (Array.isArray(images)) this.#parts(images)
    if (Array.isArray(annotations)) this.#annotations(annotations)
    if (Array.isArray(tool_calls) && tool_calls.length > 0) this.#toolCalls(tool_calls, isWhole)
    if (isObject(function_call)) this.#functionCall(function_call)
    collect(message, deltaFields, this.#messageKept)
  }

  #text(kind: TextKind, text: string): void {
    if (text === '') return
    if (this.#open?.kind !== kind) this.#openText(kind)
    if (kind === 'text') this.#textLength += text.length
    else this.#hasRefusal = true
    if (this.#open) this.#events.text(this.#open.index, text)
  }

  #openText(kind: TextKind): void {
    this.#closeAll()
    this.#hasContent = true
    this.#textBefore += this.#textLength
    this.#textLength = 0
    this.#open = { kind, index: this.#events.open(this.#candidate, { type: kind, text: '' }) }
  }

  readonly #closeText = (): void => {
    if (this.#open) this.#events.close(this.#open.index)
    this.#open = undefined
  }

  #closeAll(): void {
    this.#thinking.close()
    this.#closeText()
  }

  /** Content as an array: texts and thoughts go where they would have gone as strings. */
  #parts(parts: Json[]): void {
    parts.forEach((part, position) => {
      if (typeof part === 'string') this.#text('text', part)
      else if (isObject(part)) for (const block of blocksOf(part, position)) this.#part(block)
    })
  }

  #part(block: Block): void {
    if (block.type === 'text' || block.type === 'refusal') this.#text(block.type, block.text)
    else if (block.type === 'thinking') this.#think(block.text)
    else {
      this.#closeAll()
      this.#hasContent = true
      this.#events.close(this.#events.open(this.#candidate, block))
    }
  }

  #think(text: string): void {
    this.#hasContent ||= text !== ''
    this.#thinking.plain(text, this.#closeText)
  }

  /** Offsets count in the whole content; ours count in the block (protocol.md §2.11). */
  #annotations(annotations: Json[]): void {
    for (const annotation of objectsOf(annotations)) {
      if (this.#open?.kind === 'text')
        this.#events.delta(this.#open.index, {
          type: 'citation',
          citation: citationOf(annotation, this.#textBefore),
        })
      else this.#messageKept['annotations'] = [...listOf(this.#messageKept['annotations']), annotation]
    }
  }

  #toolCalls(fragments: Json[], isWhole: boolean): void {
    this.#closeAll()
    this.#calls.read(fragments, isWhole)
  }

  #functionCall(fragment: JsonObject): void {
    this.#closeAll()
    this.#calls.readLegacy(fragment)
  }

  /** Probabilities of visible text belong to it; those of anything else are kept with the choice. */
  #logprobs(logprobs: JsonObject): void {
    const { content, ...others } = logprobs
    const tokens = listOf(content)
    const kept = objectOf(this.#choiceKept['logprobs']) ?? {}
    if (tokens.length > 0 && this.#open?.kind === 'text')
      this.#events.delta(this.#open.index, { type: 'logprobs', logprobs: tokens })
    else if (tokens.length > 0) kept['content'] = [...listOf(kept['content']), ...tokens]
    for (const [key, value] of Object.entries(others))
      if (Array.isArray(value)) kept[key] = [...listOf(kept[key]), ...value]
      else if (value !== null && value !== undefined) kept[key] = value
    for (const _ in kept) this.#choiceKept['logprobs'] = kept
  }

  get #isUsed(): boolean {
    return this.#hasContent || this.#calls.isUsed || this.#media.isUsed
  }

  /** Why this candidate cannot count as finished; `isDone`: the wire said itself that there is no more. */
  failure(isDone: boolean): GatewayError | undefined {
    const raw = this.#raw
    if (this.#calls.isBroken)
      return failed('upstream_invalid', 'the upstream called a tool without naming it')
    if (raw === undefined) {
      if (isDone && this.#isUsed) return undefined
      const how = isDone
        ? 'said nothing and gave no finish_reason'
        : 'ended early: neither finish_reason nor [DONE]'
      return failed('upstream_invalid', `the upstream ${how}`)
    }
    const kind = failureOf(raw)
    if (kind) return failed(kind, `the upstream ended its answer with "${raw}"`)
    if (isKnownFinish(raw) || this.#isUsed) return undefined
    return failed('upstream_invalid', `the upstream ended without an answer: "${raw}"`)
  }

  /** Ends all blocks. */
  end(): Finish {
    this.#closeAll()
    this.#media.end()
    this.#calls.end()
    const kept = this.#choiceKept
    for (const _ in this.#messageKept) kept['message'] = this.#messageKept
    return decodeFinish({ raw: this.#raw, calls: this.#calls.isUsed, refusal: this.#hasRefusal, kept })
  }
}

function failed(kind: ErrorKind, message: string): GatewayError {
  return new GatewayError(kind, message)
}

/** A part of an answer; one that is not well formed is kept as it came. */
function blocksOf(part: JsonObject, position: number): Block[] {
  try {
    const decoded = decodePart(part, `content[${position}]`)
    return Array.isArray(decoded) ? decoded : [decoded]
  } catch {
    return [{ type: 'unknown', dialect: DIALECT, wire: part }]
  }
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : []
}

function citationOf(annotation: JsonObject, before: number): Citation {
  const cited = objectOf(annotation['url_citation']) ?? {}
  const start = (numberOf(cited['start_index']) ?? -1) - before
  const end = (numberOf(cited['end_index']) ?? -1) - before
  const isPlaced = start >= 0 && end >= start
  return defined({
    url: textOf(cited['url']) || undefined,
    title: textOf(cited['title']) || undefined,
    start: isPlaced ? start : undefined,
    end: isPlaced ? end : undefined,
    wire: { dialect: DIALECT, value: annotation },
  } satisfies Citation)
}
