import type { Candidate } from '../../model/answer.ts'
import type { Block, MediaBlock, TextBlock, ThinkingBlock, ToolCallBlock } from '../../model/block.ts'
import { unwrapInput } from '../../model/bridged-tool.ts'
import { urlOfSource } from '../../model/data-url.ts'
import type { Losses } from '../../model/dropped.ts'
import type { Finish } from '../../model/finish.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import { defined, objectOf } from '../../model/loose.ts'
import type { AnswerContext } from '../dialect.ts'
import { annotationsOf, clientCall, clientSignature, isLegacy, lose } from './client-view.ts'
import { giveBack } from './extensions.ts'
import { encodeFinish, explanationOf, nativeFinish } from './finish.ts'
import { encodeDetails } from './reasoning-details.ts'
import { DIALECT } from './wire.ts'

/** One candidate as a choice (protocol.md §1.1). */
export class MessageWriter {
  readonly #context: AnswerContext
  readonly #losses: Losses
  #content = ''
  #hasText = false
  #refusal = ''
  #reasoning = ''
  readonly #thoughts: ThinkingBlock[] = []
  readonly #calls: JsonObject[] = []
  readonly #annotations: Json[] = []
  readonly #logprobs: Json[] = []
  readonly #images: JsonObject[] = []
  readonly #extra: JsonObject = {}

  constructor(context: AnswerContext, losses: Losses) {
    this.#context = context
    this.#losses = losses
  }

  choice({ blocks, finish }: Candidate, index: number): JsonObject {
    blocks.forEach((block, number) => {
      this.#add(block, `choices[${index}].content[${number}]`)
    })
    const { message: messageKept, logprobs: logprobsKept, ...kept } = finish.extensions?.[DIALECT] ?? {}
    const choice = {
      index,
      message: giveBack(this.#message(finish), { [DIALECT]: objectOf(messageKept) }),
      finish_reason: encodeFinish(finish, this.#calls.length, isLegacy(this.#context)),
      logprobs: this.#probabilities(objectOf(logprobsKept)),
      ...nativeFinish(finish),
    }
    return giveBack(choice, { [DIALECT]: kept })
  }

  #add(block: Block, path: string): void {
    switch (block.type) {
      case 'text':
        this.#text(block, path)
        return
      case 'refusal':
        this.#refusal += block.text
        return
      case 'thinking':
        this.#reasoning += block.text
        this.#thoughts.push(block)
        return
      case 'tool-call':
        this.#call(block, path)
        return
      case 'media':
        this.#media(block, path)
        return
      case 'tool-result':
      case 'unknown':
        lose(
          path,
          block.type === 'unknown' ? 'this content' : 'tool results',
          this.#losses,
          this.#context.strict,
        )
    }
  }

  #text(block: TextBlock, path: string): void {
    const place = { start: this.#content.length, length: block.text.length }
    const loseCitation = (index: number) =>
      this.#losses.drop(`${path}.citations[${index}]`, 'it names no page')
    this.#annotations.push(...annotationsOf(block.citations ?? [], place, loseCitation))
    this.#logprobs.push(...(block.logprobs ?? []))
    this.#content += block.text
    this.#hasText = true
    if (block.signature) Object.assign(this.#extra, clientSignature(block.signature, this.#context))
  }

  #call(block: ToolCallBlock, path: string): void {
    if (block.kind === 'server') {
      lose(path, 'calls of tools the provider runs', this.#losses, this.#context.strict)
      return
    }
    const { name, isCustom, isBridged } = clientCall(block, this.#context)
    const text = isBridged ? unwrapInput(block.arguments) : block.arguments
    const call: JsonObject = isCustom
      ? { id: block.id, type: 'custom', custom: { name, input: text } }
      : { id: block.id, type: 'function', function: { name, arguments: text } }
    if (block.signature) Object.assign(call, clientSignature(block.signature, this.#context))
    if (isLegacy(this.#context) && this.#calls.length > 0)
      lose(path, 'a second function_call', this.#losses, this.#context.strict)
    else this.#calls.push(giveBack(call, block.extensions))
  }

  #media(block: MediaBlock, path: string): void {
    const url = urlOfSource(block.source)
    if (block.kind === 'audio' && block.source.type === 'base64') {
      const audio = defined({ data: block.source.data, transcript: block.transcript })
      this.#extra['audio'] = giveBack(audio, block.extensions)
    } else if (block.kind === 'image' && url !== undefined)
      this.#images.push(giveBack({ type: 'image_url', image_url: { url } }, block.extensions))
    else lose(path, `a ${block.kind}`, this.#losses, this.#context.strict)
  }

  #message(finish: Finish): JsonObject {
    const refusal = this.#refusal || explanationOf(finish) || null
    const message: JsonObject = { role: 'assistant', content: null, refusal }
    const isOther =
      this.#calls.length > 0 || this.#images.length > 0 || this.#extra['audio'] || refusal !== null
    message['content'] = this.#hasText || !isOther ? this.#content : null
    if (!this.#context.request.reasoning?.exclude) this.#writeThoughts(message)
    if (this.#annotations.length > 0) message['annotations'] = this.#annotations
    if (this.#images.length > 0) message['images'] = this.#images
    if (isLegacy(this.#context) && this.#calls[0]) message['function_call'] = this.#calls[0]['function']
    else if (this.#calls.length > 0) message['tool_calls'] = this.#calls
    return Object.assign(message, this.#extra)
  }

  /** The readable text, and the entries that carry opaque state where there is any (protocol.md §2.8.2). */
  #writeThoughts(message: JsonObject): void {
    if (this.#reasoning !== '') message['reasoning_content'] = this.#reasoning
    if (!this.#thoughts.some((block) => block.opaque?.length)) return
    message['reasoning_details'] = this.#thoughts.flatMap((block, index) =>
      encodeDetails(block, index, this.#context.maker),
    )
  }

  #probabilities(kept: JsonObject | undefined): JsonObject | null {
    const others = Array.isArray(kept?.['content']) ? kept['content'] : []
    const content = [...this.#logprobs, ...others]
    if (content.length === 0 && !kept) return null
    return { refusal: null, ...kept, content: content.length > 0 ? content : null }
  }
}
