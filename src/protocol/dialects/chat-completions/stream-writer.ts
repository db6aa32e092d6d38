import { type Dropped, Losses } from '../../model/dropped.ts'
import type { AnswerEvent } from '../../model/event.ts'
import type { Finish } from '../../model/finish.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import { objectOf } from '../../model/loose.ts'
import { mergeUsage, type Usage } from '../../model/usage.ts'
import type { AnswerContext, StreamEncoder } from '../dialect.ts'
import type { BlockWriter, Place } from './block-writer.ts'
import { writerOf } from './block-writers.ts'
import { clientId, isLegacy } from './client-view.ts'
import { encodeStreamError } from './error.ts'
import { giveBack } from './extensions.ts'
import { encodeFinish, explanationOf, nativeFinish } from './finish.ts'
import { encodeUsage } from './usage.ts'
import { DIALECT } from './wire.ts'

interface CandidateState {
  counts: Place['counts']
  blocks: number
  hasRole: boolean
  hasRefusal: boolean
}

type EventOf<T extends AnswerEvent['type']> = Extract<AnswerEvent, { type: T }>

/** Writes chunks (protocol.md §1.1, stream grammar; §2.15). */
export class StreamWriter implements StreamEncoder {
  readonly #context: AnswerContext
  readonly #losses = new Losses()
  readonly #candidates: CandidateState[] = []
  readonly #blocks = new Map<number, BlockWriter>()
  /** What every chunk begins and ends with. */
  #head = ''
  readonly #tail: string
  /** Top-level members that go out once, with the next chunk. */
  #once: JsonObject | undefined
  #usage: Usage | undefined

  constructor(context: AnswerContext) {
    this.#context = context
    this.#tail = context.request.includeUsage ? ',"usage":null}\n\n' : '}\n\n'
  }

  get dropped(): readonly Dropped[] {
    return this.#losses.list
  }

  push(events: readonly AnswerEvent[]): string {
    let out = ''
    for (const event of events) out += this.#one(event)
    return out
  }

  #one(event: AnswerEvent): string {
    switch (event.type) {
      case 'answer-start':
        this.#begin(event)
        return ''
      case 'block-start':
        return this.#open(event)
      case 'block-delta':
        return this.#blocks.get(event.index)?.delta(event.delta) ?? ''
      case 'block-end':
        return this.#close(event.index)
      case 'usage':
        this.#usage = mergeUsage(this.#usage, event.usage)
        return ''
      case 'answer-end':
        return this.#end(event)
      case 'answer-error':
        return encodeStreamError(event.error)
    }
  }

  /** Single values (`system_fingerprint`, `service_tier`) stand on every chunk, larger ones on the first. */
  #begin({ id, created, extensions }: EventOf<'answer-start'>): void {
    const head: JsonObject = {
      id: clientId(id, extensions, this.#context.id),
      object: 'chat.completion.chunk',
      created: created ?? this.#context.created,
      model: this.#context.model,
    }
    const large: JsonObject = {}
    for (const [key, value] of Object.entries(giveBack({}, extensions)))
      if (!(key in head)) (typeof value === 'object' ? large : head)[key] = value
    this.#head = `data: ${JSON.stringify(head).slice(0, -1)}`
    this.#carry(large)
  }

  #carry(members: JsonObject): void {
    for (const key in members) this.#once = { ...this.#once, [key]: members[key] }
  }

  #open({ index, candidate = 0, block }: EventOf<'block-start'>): string {
    const state = this.#candidate(candidate)
    const path = `choices[${candidate}].content[${state.blocks}]`
    state.blocks += 1
    if (block.type === 'refusal') state.hasRefusal = true
    const writer = writerOf(block, this.#place(candidate, state, path))
    this.#blocks.set(index, writer)
    return this.#role(candidate, state, block.type === 'text' ? '""' : 'null') + writer.start()
  }

  #close(index: number): string {
    const text = this.#blocks.get(index)?.end() ?? ''
    this.#blocks.delete(index)
    return text
  }

  #candidate(number: number): CandidateState {
    while (this.#candidates.length <= number)
      this.#candidates.push({
        counts: { text: 0, calls: 0, thoughts: 0 },
        blocks: 0,
        hasRole: false,
        hasRefusal: false,
      })
    return this.#candidates[number] as CandidateState
  }

  #place(candidate: number, { counts }: CandidateState, path: string): Place {
    return {
      context: this.#context,
      losses: this.#losses,
      path,
      counts,
      emit: (delta) => this.#chunk(candidate, JSON.stringify(delta)),
      emitText: (member, text) => this.#chunk(candidate, `{"${member}":${JSON.stringify(text)}}`),
      emitLogprobs: (logprobs) => this.#chunk(candidate, '{}', { content: logprobs, refusal: null }),
    }
  }

  /** The first chunk of a choice says who speaks; without it the vendor's accumulator fails (§3, 34). */
  #role(candidate: number, state: CandidateState, content: '""' | 'null'): string {
    if (state.hasRole) return ''
    state.hasRole = true
    return this.#chunk(candidate, `{"role":"assistant","content":${content},"refusal":null}`)
  }

  #chunk(candidate: number, delta: string, logprobs: Json = null, rest = '"finish_reason":null'): string {
    const once = this.#once ? `,${JSON.stringify(this.#once).slice(1, -1)}` : ''
    this.#once = undefined
    const probabilities = logprobs === null ? 'null' : JSON.stringify(logprobs)
    const choice = `{"index":${candidate},"delta":${delta},"logprobs":${probabilities},${rest}}`
    return `${this.#head}${once},"choices":[${choice}]${this.#tail}`
  }

  #end({ finishes, extensions }: EventOf<'answer-end'>): string {
    let out = ''
    finishes.forEach((finish, candidate) => {
      const state = this.#candidate(candidate)
      out += this.#role(candidate, state, '""')
      if (candidate === finishes.length - 1) this.#carry(giveBack({}, extensions))
      out += this.#finish(finish, candidate, state)
    })
    return `${out}${this.#usageChunk()}data: [DONE]\n\n`
  }

  #finish(finish: Finish, candidate: number, state: CandidateState): string {
    const { message, logprobs, ...kept } = finish.extensions?.[DIALECT] ?? {}
    const explanation = state.hasRefusal ? undefined : explanationOf(finish)
    const delta = giveBack(explanation ? { refusal: explanation } : {}, { [DIALECT]: objectOf(message) })
    const choice = giveBack(
      {
        finish_reason: encodeFinish(finish, state.counts.calls, isLegacy(this.#context)),
        ...nativeFinish(finish),
      },
      { [DIALECT]: kept },
    )
    return this.#chunk(
      candidate,
      JSON.stringify(delta),
      objectOf(logprobs) ?? null,
      JSON.stringify(choice).slice(1, -1),
    )
  }

  /** Only if the client asked, and only what an upstream reported (promise A3). */
  #usageChunk(): string {
    if (!this.#context.request.includeUsage || !this.#usage) return ''
    return `${this.#head},"choices":[],"usage":${JSON.stringify(encodeUsage(this.#usage))}}\n\n`
  }
}
