import type { Block, ToolCallBlock } from '../../model/block.ts'
import type { AnswerEvent, Delta } from '../../model/event.ts'
import type { Finish } from '../../model/finish.ts'
import { isObject, type JsonObject, rest } from '../../model/json.ts'
import { extensionsOf, type Opaque } from '../../model/origin.ts'
import type { DecodeContext } from '../dialect.ts'
import { citationsOf } from './citations.ts'
import { finishOf, isFailure } from './finish.ts'
import { joinLogprobs, logprobsOf } from './logprobs.ts'
import { decodePart, type PartSink } from './part.ts'
import { PartialArguments } from './partial-arguments.ts'
import { DIALECT, type WireCandidate, type WireFunctionCall } from './wire.ts'

const KNOWN = new Set(['content', 'finishReason', 'index'])
const CALL_KNOWN = new Set(['id', 'name', 'args', 'partialArgs', 'willContinue'])

/** Block numbers are the whole answer's: its candidates share them. */
export interface Numbering {
  next: number
}

interface OpenText {
  index: number
  type: 'text' | 'thinking'
  signed: boolean
  /** What was shown so far; read when citations name their place. */
  text: string
}

interface OpenCall {
  index: number
  id: string | undefined
  arguments: PartialArguments
}

/** One candidate of an answer: its blocks in the order of its parts. */
export class CandidateDecoder implements PartSink {
  finishRaw: string | undefined
  /** Anything but thinking was shown. */
  hasContent = false
  readonly #number: number
  readonly #context: DecodeContext
  readonly #numbering: Numbering
  readonly #texts: OpenText[] = []
  #events: AnswerEvent[] = []
  /** The part being decoded is the first of its chunk: only that one may continue a block. */
  #first = false
  #text: OpenText | undefined
  #call: OpenCall | undefined
  #called = false
  #rest: JsonObject | undefined
  #cited = false

  constructor(number: number, context: DecodeContext, numbering: Numbering) {
    this.#number = number
    this.#context = context
    this.#numbering = numbering
  }

  /** Appends the chunk's events to `events`. */
  chunk(wire: WireCandidate, events: AnswerEvent[]): void {
    this.#events = events
    this.#first = true
    const parts = wire.content?.parts
    if (Array.isArray(parts)) {
      for (const part of parts) {
        if (isObject(part)) decodePart(part, this)
        this.#first = false
      }
    }
    if (isObject(wire.logprobsResult)) this.#logprobs(wire.logprobsResult)
    if (typeof wire.finishReason === 'string') this.finishRaw = wire.finishReason
    this.#keep(wire)
    if (this.finishRaw !== undefined) this.#cite()
  }

  /** True when it ended in nothing usable. */
  get failed(): boolean {
    return !this.hasContent && isFailure(this.finishRaw)
  }

  /** Closes what is open; the candidate's finish, or undefined when none was said. */
  end(events: AnswerEvent[]): Finish | undefined {
    this.#events = events
    this.#closeText()
    this.#endCall()
    if (this.finishRaw === undefined) return undefined
    return finishOf({ raw: this.finishRaw, called: this.#called, rest: this.#rest })
  }

  /** Text or thinking: continues the open block, or opens one. */
  text(
    type: 'text' | 'thinking',
    text: string,
    signature: string | undefined,
    extra: JsonObject | undefined,
  ): void {
    if (text === '' && extra === undefined) {
      if (signature !== undefined) this.#lateSignature(type, signature)
      return
    }
    if (type === 'text' && text !== '') this.hasContent = true
    const open = this.#text
    const continues = this.#first && extra === undefined && open?.type === type && !(open.signed && signature)
    const target = continues && open ? open : this.#openText(type, extra)
    if (text !== '') this.#delta(target.index, { type: 'text', text })
    target.text += text
    if (signature !== undefined) this.#sign(target, signature)
  }

  /** A block that comes whole. */
  whole(block: Block): void {
    this.#endAll()
    this.hasContent = true
    const index = this.#start(block)
    this.#events.push({ type: 'block-end', index })
  }

  /** A function call: whole, or (protocol.md §1.4) begun, continued without a name, and ended. */
  call(wire: WireFunctionCall, signature: string | undefined, extra: JsonObject | undefined): boolean {
    const name = typeof wire.name === 'string' && wire.name !== '' ? wire.name : undefined
    const open = this.#call
    const continued = open && (name === undefined || (wire.id !== undefined && wire.id === open.id))
    if (!continued && name === undefined) return Object.keys(wire).length === 0
    const target = continued ? open : this.#startCall(wire, name ?? '', signature, extra)
    if (continued && signature !== undefined) this.#delta(target.index, this.#signature(signature))
    if (isObject(wire.args)) target.arguments.replace(wire.args)
    if (Array.isArray(wire.partialArgs)) target.arguments.add(wire.partialArgs)
    if (wire.willContinue !== true) this.#endCall()
    return true
  }

  opaque(value: string): Opaque {
    return { dialect: DIALECT, kind: 'thought-signature', value, maker: this.#context.maker }
  }

  #closeText(): void {
    if (!this.#text) return
    this.#events.push({ type: 'block-end', index: this.#text.index })
    this.#text = undefined
  }

  #endAll(): void {
    this.#closeText()
    this.#endCall()
  }

  #openText(type: 'text' | 'thinking', extra: JsonObject | undefined): OpenText {
    this.#endAll()
    const extensions = extensionsOf(DIALECT, extra)
    const index = this.#start({ type, text: '', ...(extensions ? { extensions } : {}) })
    const open: OpenText = { index, type, signed: false, text: '' }
    this.#text = open
    if (type === 'text') this.#texts.push(open)
    return open
  }

  #startCall(
    wire: WireFunctionCall,
    name: string,
    signature: string | undefined,
    extra: JsonObject | undefined,
  ): OpenCall {
    this.#endAll()
    this.#called = true
    this.hasContent = true
    const given = typeof wire.id === 'string' && wire.id !== '' ? wire.id : undefined
    const block: ToolCallBlock = {
      type: 'tool-call',
      id: given ?? `call_${this.#context.newId()}`,
      name,
      kind: 'function',
      arguments: '',
      ...(given === undefined ? { idMade: true } : {}),
    }
    if (signature !== undefined) block.signature = this.opaque(signature)
    const unknown = rest(wire, CALL_KNOWN)
    const kept = unknown ? { ...extra, functionCall: unknown } : extra
    const extensions = extensionsOf(DIALECT, kept)
    if (extensions) block.extensions = extensions
    this.#call = { index: this.#start(block), id: given, arguments: new PartialArguments() }
    return this.#call
  }

  #endCall(): void {
    const call = this.#call
    if (!call) return
    this.#call = undefined
    this.#delta(call.index, { type: 'text', text: call.arguments.json })
    this.#events.push({ type: 'block-end', index: call.index })
  }

  /** A signature on an empty part belongs to what was shown last (protocol.md §2.8.2); alone it is an empty text. */
  #lateSignature(type: 'text' | 'thinking', signature: string): void {
    const open = this.#text
    const fits = open && !open.signed && (type === 'text' || open.type === 'thinking')
    this.#sign(fits ? open : this.#openText(type, undefined), signature)
  }

  #sign(target: OpenText, signature: string): void {
    target.signed = true
    this.#delta(target.index, this.#signature(signature))
  }

  #signature(value: string): Delta {
    return { type: 'signature', signature: this.opaque(value) }
  }

  #start(block: Block): number {
    const index = this.#numbering.next
    this.#numbering.next += 1
    this.#events.push({
      type: 'block-start',
      index,
      ...(this.#number > 0 ? { candidate: this.#number } : {}),
      block,
    })
    return index
  }

  #delta(index: number, delta: Delta): void {
    this.#events.push({ type: 'block-delta', index, delta })
  }

  #logprobs(result: JsonObject): void {
    const open = this.#text
    if (open?.type === 'text') this.#delta(open.index, { type: 'logprobs', logprobs: logprobsOf(result) })
  }

  /** Members outside the model: later chunks replace earlier ones, log probabilities are joined. */
  #keep(wire: WireCandidate): void {
    const found = rest(wire, KNOWN)
    if (!found) return
    const earlier = this.#rest
    this.#rest = { ...earlier, ...found }
    const before = earlier?.['logprobsResult']
    if (isObject(before) && isObject(found['logprobsResult']))
      this.#rest['logprobsResult'] = joinLogprobs(before, found['logprobsResult'])
  }

  /**
   * Citations come with the end of a candidate. A block of this batch takes them before its end; of the blocks
   * closed in earlier batches nothing more can be said, so theirs stay in the finish's extensions alone.
   */
  #cite(): void {
    if (this.#cited) return
    const grounding = this.#rest?.['groundingMetadata']
    const sources = this.#rest?.['citationMetadata']
    if (!isObject(grounding) && !isObject(sources)) return
    const placed = citationsOf(
      isObject(grounding) ? grounding : undefined,
      isObject(sources) ? sources : undefined,
      this.#texts,
    )
    this.#cited = placed.length > 0
    for (const { index, citation } of placed) {
      const event: AnswerEvent = { type: 'block-delta', index, delta: { type: 'citation', citation } }
      if (index === this.#text?.index) this.#events.push(event)
      else this.#insertBeforeEnd(index, event)
    }
  }

  #insertBeforeEnd(index: number, event: AnswerEvent): void {
    const end = this.#events.findIndex((other) => other.type === 'block-end' && other.index === index)
    if (end >= 0) this.#events.splice(end, 0, event)
  }
}
