import type { ToolCallBlock } from '../../model/block.ts'
import type { Delta } from '../../model/event.ts'
import type { JsonObject } from '../../model/json.ts'
import { type BlockWriter, close, open, type Place, piece } from './block-frames.ts'

/** Arguments go on as JSON pieces; the free text of a custom tool becomes the one string of an object. */
export class CallWriter implements BlockWriter {
  readonly #block: ToolCallBlock
  readonly #wire: JsonObject
  readonly #carrier: JsonObject | undefined
  readonly #place: Place
  #index = -1
  #pieces = 0
  /** `{}` as the first piece waits: alone it is written as the empty piece this wire uses. */
  #held = false

  constructor(block: ToolCallBlock, wire: JsonObject, carrier: JsonObject | undefined, place: Place) {
    this.#block = block
    this.#wire = wire
    this.#carrier = carrier
    this.#place = place
  }

  start(): string {
    let out = ''
    if (this.#carrier) {
      const index = this.#place.next++
      out = open(index, this.#carrier) + close(index)
    }
    this.#index = this.#place.next++
    out += open(this.#index, { ...this.#wire, input: {} })
    if (this.#block.kind === 'custom') out += this.#json('{"input":"')
    return this.#block.arguments === ''
      ? out
      : out + this.delta({ type: 'text', text: this.#block.arguments })
  }

  delta(delta: Delta): string {
    if (delta.type === 'wire') return piece(this.#index, JSON.stringify(delta.wire))
    if (delta.type !== 'text' || delta.text === '') return ''
    if (this.#block.kind === 'custom') return this.#json(JSON.stringify(delta.text).slice(1, -1))
    if (this.#pieces === 0 && !this.#held && delta.text === '{}') {
      this.#held = true
      return ''
    }
    const held = this.#held ? this.#json('{}') : ''
    this.#held = false
    return held + this.#json(delta.text)
  }

  end(): string {
    const last = this.#block.kind === 'custom' ? this.#json('"}') : this.#pieces === 0 ? this.#json('') : ''
    return last + close(this.#index)
  }

  #json(text: string): string {
    this.#pieces += 1
    return piece(this.#index, `{"type":"input_json_delta","partial_json":${JSON.stringify(text)}}`)
  }
}
