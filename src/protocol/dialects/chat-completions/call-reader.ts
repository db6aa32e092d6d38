import type { ToolCallBlock } from '../../model/block.ts'
import { isObject, type Json, type JsonObject, parseJson, rest } from '../../model/json.ts'
import { defined, numberOf, objectOf, objectsOf, textOf } from '../../model/loose.ts'
import type { Opaque } from '../../model/origin.ts'
import type { DecodeContext } from '../dialect.ts'
import type { Events } from './events.ts'
import { keep } from './extensions.ts'
import { besideSignature, readSignature } from './signature.ts'
import { callCustomFields, callFields, callFunctionFields } from './wire.ts'

interface Call {
  /** Number the wire gave it; undefined where it gave none. */
  place: number | undefined
  id: string
  name: string
  kind: 'function' | 'custom'
  /** Number of its block once it was started: a call waits for its name (protocol.md §3, 29). */
  block: number | undefined
  /** Arguments that came before the block was started. */
  held: string
  isEmpty: boolean
  signature: Opaque | undefined
  kept: JsonObject
}

/** The place of the deprecated `function_call`, which has no number. */
const LEGACY_PLACE = -1

/** Wrappers in which some models pack several calls (protocol.md §3, 36). */
const wrappers = new Set(['multi_tool_use.parallel', 'multi_tool_use', 'parallel'])

/** Puts the fragments of one candidate's tool calls together (protocol.md §3, 21 to 32). */
export class CallReader {
  readonly #events: Events
  readonly #candidate: number
  readonly #context: DecodeContext
  readonly #calls: Call[] = []

  constructor(events: Events, candidate: number, context: DecodeContext) {
    this.#events = events
    this.#candidate = candidate
    this.#context = context
  }

  /** True once anything that is a call was seen. */
  get isUsed(): boolean {
    return this.#calls.some((call) => call.block !== undefined || call.name !== '')
  }

  /** A call without a name cannot be answered: its arguments would go to nobody. */
  get isBroken(): boolean {
    return this.#calls.some((call) => call.name === '' && call.held !== '')
  }

  /** `tool_calls`; in a whole answer every entry is a call of its own. */
  read(fragments: Json[], isWhole: boolean): void {
    for (const fragment of fragments) if (isObject(fragment)) this.#fragment(fragment, isWhole)
  }

  readLegacy(fragment: JsonObject): void {
    this.#fragment({ index: LEGACY_PLACE, function: fragment }, false)
  }

  #fragment(fragment: JsonObject, isWhole: boolean): void {
    const custom = objectOf(fragment['custom'])
    const body = custom ?? objectOf(fragment['function']) ?? {}
    const name = textOf(body['name']).trim()
    const place = numberOf(fragment['index'])
    const id = textOf(fragment['id'])
    const call =
      (isWhole ? undefined : this.#find(place, id, name)) ?? this.#add(fragment, place, custom !== undefined)
    if (call.block === undefined) this.#describe(call, fragment, body, id, name)
    else this.#sign(call, fragment)
    this.#append(call, argumentText(custom ? body['input'] : body['arguments']))
  }

  /** By number, then by the last open call; another id under the same number is another call. */
  #find(place: number | undefined, id: string, name: string): Call | undefined {
    const call =
      place === undefined
        ? (id && this.#calls.findLast((known) => known.id === id)) || this.#calls.at(-1)
        : this.#calls.findLast((known) => known.place === place)
    if (!call || (id !== '' && call.id !== '' && call.id !== id)) return undefined
    const isNext = place === undefined && id === '' && name !== '' && call.name !== '' && !call.isEmpty
    return isNext ? undefined : call
  }

  #add(fragment: JsonObject, place: number | undefined, hasInput: boolean): Call {
    const call: Call = {
      place,
      id: '',
      name: '',
      kind: hasInput || fragment['type'] === 'custom' ? 'custom' : 'function',
      block: undefined,
      held: '',
      isEmpty: true,
      signature: undefined,
      kept: {},
    }
    this.#calls.push(call)
    return call
  }

  #describe(call: Call, fragment: JsonObject, body: JsonObject, id: string, name: string): void {
    if (id !== '') call.id = id
    if (name !== '') call.name = name
    call.signature = readSignature(fragment) ?? call.signature
    const inside = rest(body, call.kind === 'custom' ? callCustomFields : callFunctionFields)
    Object.assign(
      call.kept,
      rest(fragment, callFields),
      besideSignature(fragment),
      inside && { [call.kind]: inside },
    )
    if (call.name === '' || wrappers.has(call.name)) return
    this.#start(call)
  }

  #start(call: Call): void {
    const isMade = call.id === ''
    if (isMade) call.id = `call_${this.#context.newId()}`
    call.block = this.#events.open(this.#candidate, this.#block(call, isMade))
    if (call.held !== '') this.#events.text(call.block, call.held)
    call.held = ''
  }

  #block(call: Call, isMade: boolean): ToolCallBlock {
    return defined({
      type: 'tool-call',
      id: call.id,
      name: call.name,
      kind: call.kind,
      arguments: '',
      idMade: isMade || undefined,
      signature: call.signature && { ...call.signature, maker: call.signature.maker ?? this.#context.maker },
      extensions: keep(call.kept),
    })
  }

  #sign(call: Call, fragment: JsonObject): void {
    if (fragment['extra_content'] === undefined || call.block === undefined) return
    const signature = readSignature(fragment)
    if (signature)
      this.#events.delta(call.block, {
        type: 'signature',
        signature: { maker: this.#context.maker, ...signature },
      })
  }

  #append(call: Call, text: string): void {
    if (text === '') return
    call.isEmpty = false
    if (call.block === undefined) call.held += text
    else this.#events.text(call.block, text)
  }

  /** Ends every call; one without arguments has the empty object (protocol.md §3, 27). */
  end(): void {
    for (const call of this.#calls) {
      if (call.block === undefined && call.name !== '' && !this.#unpack(call)) this.#start(call)
      if (call.block === undefined) continue
      if (call.isEmpty && call.kind === 'function') this.#events.text(call.block, '{}')
      this.#events.close(call.block)
    }
  }

  /** Opens the wrapper's calls one by one; false when it is an ordinary call after all. */
  #unpack(call: Call): boolean {
    const packed = objectOf(parseJson(call.held))
    const uses = objectsOf(packed?.['tool_uses']).filter((use) => textOf(use['recipient_name']) !== '')
    uses.forEach((use, position) => {
      const id = position === 0 || call.id === '' ? call.id : `${call.id}_${position}`
      const name = textOf(use['recipient_name']).replace(/^functions\./, '')
      const single: Call = { ...call, id, name, held: JSON.stringify(use['parameters'] ?? {}) }
      this.#start(single)
      if (single.block !== undefined) this.#events.close(single.block)
    })
    return uses.length > 0
  }
}

/** Some servers send the object itself (protocol.md §2.5). */
function argumentText(value: Json | undefined): string {
  if (typeof value === 'string') return value
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : ''
}
