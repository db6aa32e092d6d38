import type { RefusalBlock, TextBlock, ThinkingBlock } from '../../model/block.ts'
import type { Delta } from '../../model/event.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Opaque } from '../../model/origin.ts'
import type { AnswerParts } from './answer-parts.ts'
import { type BlockWriter, close, open, type Place, piece } from './block-frames.ts'
import { own } from './wire.ts'

/** Begins on the wire with its first content, so that an empty block never shows. */
export class TextWriter implements BlockWriter {
  readonly #block: TextBlock | RefusalBlock
  readonly #path: string
  readonly #place: Place
  readonly #parts: AnswerParts
  #index = -1

  constructor(block: TextBlock | RefusalBlock, index: number, place: Place, parts: AnswerParts) {
    this.#block = block
    this.#path = `content[${index}]`
    this.#place = place
    this.#parts = parts
  }

  start(): string {
    const { text } = this.#block
    let out = text === '' ? '' : this.#text(text)
    if (this.#block.type === 'text')
      for (const citation of this.#block.citations ?? []) out += this.delta({ type: 'citation', citation })
    return out
  }

  delta(delta: Delta): string {
    if (delta.type === 'text') return delta.text === '' ? '' : this.#text(delta.text)
    if (delta.type === 'wire') return this.#begin() + piece(this.#index, JSON.stringify(delta.wire))
    if (delta.type !== 'citation') return ''
    const citation = this.#parts.citation(delta.citation, this.#path)
    if (citation === undefined) return ''
    return this.#begin() + piece(this.#index, JSON.stringify({ type: 'citations_delta', citation }))
  }

  end(): string {
    return this.#index < 0 ? '' : close(this.#index)
  }

  #text(text: string): string {
    return this.#begin() + piece(this.#index, `{"type":"text_delta","text":${JSON.stringify(text)}}`)
  }

  #begin(): string {
    if (this.#index >= 0) return ''
    this.#index = this.#place.next++
    const block: JsonObject = { type: 'text', text: '' }
    if (this.#block.type === 'text' && this.#block.citations) block.citations = []
    return open(this.#index, { ...block, ...own(this.#block.extensions) })
  }
}

/** Closed by exactly one signature, whatever the upstream gave. */
export class ThinkingWriter implements BlockWriter {
  readonly #block: ThinkingBlock
  readonly #place: Place
  readonly #parts: AnswerParts
  #opaque: Opaque[]
  #index = -1

  constructor(block: ThinkingBlock, place: Place, parts: AnswerParts) {
    this.#block = block
    this.#place = place
    this.#parts = parts
    this.#opaque = [...(block.opaque ?? [])]
  }

  start(): string {
    return this.#block.text === '' ? '' : this.#text(this.#block.text)
  }

  delta(delta: Delta): string {
    if (delta.type === 'text') return delta.text === '' ? '' : this.#text(delta.text)
    if (delta.type === 'wire') return this.#begin() + piece(this.#index, JSON.stringify(delta.wire))
    if (delta.type === 'signature') {
      const { signature } = delta
      if (signature.kind === 'signature')
        this.#opaque = this.#opaque.filter((entry) => entry.kind !== 'signature')
      this.#opaque.push(signature)
    }
    return ''
  }

  end(): string {
    const begun = this.#opaque.length > 0 ? this.#begin() : ''
    if (this.#index < 0) return ''
    const signature = JSON.stringify(this.#parts.signature(this.#opaque))
    return `${begun}${piece(this.#index, `{"type":"signature_delta","signature":${signature}}`)}${close(this.#index)}`
  }

  #text(text: string): string {
    return this.#begin() + piece(this.#index, `{"type":"thinking_delta","thinking":${JSON.stringify(text)}}`)
  }

  #begin(): string {
    if (this.#index >= 0) return ''
    this.#index = this.#place.next++
    return open(this.#index, {
      type: 'thinking',
      thinking: '',
      signature: '',
      ...own(this.#block.extensions),
    })
  }
}

/** Comes whole: its data may arrive after its start. */
export class RedactedWriter implements BlockWriter {
  readonly #block: ThinkingBlock
  readonly #place: Place
  readonly #parts: AnswerParts

  constructor(block: ThinkingBlock, place: Place, parts: AnswerParts) {
    this.#block = { ...block, opaque: [...(block.opaque ?? [])] }
    this.#place = place
    this.#parts = parts
  }

  start(): string {
    return ''
  }

  delta(delta: Delta): string {
    if (delta.type === 'signature') this.#block.opaque?.push(delta.signature)
    return ''
  }

  end(): string {
    const index = this.#place.next++
    return open(index, this.#parts.redacted(this.#block)) + close(index)
  }
}
