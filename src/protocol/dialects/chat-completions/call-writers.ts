import type { ToolCallBlock } from '../../model/block.ts'
import { unwrapInput } from '../../model/bridged-tool.ts'
import type { Delta } from '../../model/event.ts'
import type { JsonObject } from '../../model/json.ts'
import { type BlockWriter, type Place, silent } from './block-writer.ts'
import { clientCall, clientSignature, isLegacy, lose } from './client-view.ts'
import { giveBack } from './extensions.ts'

export function callWriter(block: ToolCallBlock, place: Place): BlockWriter {
  const { context, counts, losses, path } = place
  const isSecond = isLegacy(context) && counts.calls > 0
  if (block.kind === 'server' || isSecond) {
    const what = isSecond ? 'a second function_call' : 'calls of tools the provider runs'
    lose(path, what, losses, context.strict)
    return silent
  }
  const index = counts.calls
  counts.calls += 1
  const { name, isCustom, isBridged } = clientCall(block, context)
  if (isLegacy(context)) return new FunctionCallWriter(block, name, place)
  const body = isCustom ? ({ kind: 'custom', member: 'input' } as const) : functionBody
  const writer = new CallWriter(block, { index, name, ...body }, place)
  return isBridged ? new BridgedWriter(block, writer) : writer
}

const functionBody = { kind: 'function', member: 'arguments' } as const

interface CallShape {
  index: number
  name: string
  kind: 'function' | 'custom'
  member: 'arguments' | 'input'
}

/** Id, type and name come once, with the first fragment (protocol.md §3, 23). */
class CallWriter implements BlockWriter {
  readonly #block: ToolCallBlock
  readonly #shape: CallShape
  readonly #place: Place

  constructor(block: ToolCallBlock, shape: CallShape, place: Place) {
    this.#block = block
    this.#shape = shape
    this.#place = place
  }

  start(): string {
    return this.begin(this.#block.arguments)
  }

  begin(text: string): string {
    const { index, name, kind, member } = this.#shape
    const call: JsonObject = { index, id: this.#block.id, type: kind, [kind]: { name, [member]: text } }
    if (this.#block.signature)
      Object.assign(call, clientSignature(this.#block.signature, this.#place.context))
    return this.#place.emit({ tool_calls: [giveBack(call, this.#block.extensions)] })
  }

  more(text: string): string {
    const { index, kind, member } = this.#shape
    return this.#place.emit({ tool_calls: [{ index, [kind]: { [member]: text } }] })
  }

  delta(delta: Delta): string {
    if (delta.type === 'text') return this.more(delta.text)
    if (delta.type !== 'signature') return ''
    const signature = clientSignature(delta.signature, this.#place.context)
    return this.#place.emit({ tool_calls: [{ index: this.#shape.index, ...signature }] })
  }

  end(): string {
    return ''
  }
}

/** A bridged custom tool: its text can be taken out of the JSON only when that is complete. */
class BridgedWriter implements BlockWriter {
  readonly #writer: CallWriter
  #arguments: string

  constructor(block: ToolCallBlock, writer: CallWriter) {
    this.#writer = writer
    this.#arguments = block.arguments
  }

  start(): string {
    return this.#writer.begin('')
  }

  delta(delta: Delta): string {
    if (delta.type !== 'text') return this.#writer.delta(delta)
    this.#arguments += delta.text
    return ''
  }

  end(): string {
    return this.#writer.more(unwrapInput(this.#arguments))
  }
}

class FunctionCallWriter implements BlockWriter {
  readonly #block: ToolCallBlock
  readonly #name: string
  readonly #place: Place

  constructor(block: ToolCallBlock, name: string, place: Place) {
    this.#block = block
    this.#name = name
    this.#place = place
  }

  start(): string {
    return this.#place.emit({ function_call: { name: this.#name, arguments: this.#block.arguments } })
  }

  delta(delta: Delta): string {
    return delta.type === 'text' ? this.#place.emit({ function_call: { arguments: delta.text } }) : ''
  }

  end(): string {
    return ''
  }
}
