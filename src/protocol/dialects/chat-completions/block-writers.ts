import type { Block, Citation, MediaBlock, TextBlock, ThinkingBlock } from '../../model/block.ts'
import { urlOfSource } from '../../model/data-url.ts'
import type { Delta } from '../../model/event.ts'
import { applyDelta } from '../../model/fold.ts'
import { defined } from '../../model/loose.ts'
import type { Opaque } from '../../model/origin.ts'
import { type BlockWriter, type Place, silent } from './block-writer.ts'
import { callWriter } from './call-writers.ts'
import { annotationsOf, clientSignature, lose } from './client-view.ts'
import { giveBack } from './extensions.ts'
import { encodeDetails } from './reasoning-details.ts'

/** The writer for a block that begins; in strict mode content without a place raises `unsupported`. */
export function writerOf(block: Block, place: Place): BlockWriter {
  switch (block.type) {
    case 'text':
      return new TextWriter(block, place)
    case 'refusal':
      return new PlainWriter('refusal', block.text, place)
    case 'thinking':
      return place.context.request.reasoning?.exclude ? silent : new ThinkingWriter(block, place)
    case 'tool-call':
      return callWriter(block, place)
    case 'media':
      return mediaWriter(block, place)
    case 'tool-result':
    case 'unknown':
      lose(
        place.path,
        block.type === 'unknown' ? 'this content' : 'tool results',
        place.losses,
        place.context.strict,
      )
      return silent
  }
}

class PlainWriter implements BlockWriter {
  readonly #member: 'content' | 'reasoning_content' | 'refusal'
  readonly #text: string
  readonly #place: Place

  constructor(member: 'content' | 'reasoning_content' | 'refusal', text: string, place: Place) {
    this.#member = member
    this.#text = text
    this.#place = place
  }

  start(): string {
    return this.#text === '' ? '' : this.#place.emitText(this.#member, this.#text)
  }

  delta(delta: Delta): string {
    return delta.type === 'text' ? this.#place.emitText(this.#member, delta.text) : ''
  }

  end(): string {
    return ''
  }
}

class TextWriter implements BlockWriter {
  readonly #place: Place
  readonly #start: number
  readonly #block: TextBlock
  readonly #citations: Citation[]
  #signature: Opaque | undefined

  constructor(block: TextBlock, place: Place) {
    this.#block = block
    this.#place = place
    this.#start = place.counts.text
    this.#citations = [...(block.citations ?? [])]
    this.#signature = block.signature
  }

  start(): string {
    const { text, logprobs } = this.#block
    return (
      (text === '' ? '' : this.#text(text)) + (logprobs?.length ? this.#place.emitLogprobs(logprobs) : '')
    )
  }

  #text(text: string): string {
    this.#place.counts.text += text.length
    return this.#place.emitText('content', text)
  }

  delta(delta: Delta): string {
    if (delta.type === 'text') return this.#text(delta.text)
    if (delta.type === 'logprobs') return this.#place.emitLogprobs(delta.logprobs)
    if (delta.type === 'citation') this.#citations.push(delta.citation)
    else if (delta.type === 'signature') this.#signature = delta.signature
    return ''
  }

  /** Only now is it known how far the text reaches that a citation without a place of its own is about. */
  end(): string {
    const { context, counts, losses, path } = this.#place
    const place = { start: this.#start, length: counts.text - this.#start }
    const annotations = annotationsOf(this.#citations, place, (index) =>
      losses.drop(`${path}.citations[${index}]`, 'it names no page'),
    )
    const shown = annotations.length > 0 ? this.#place.emit({ annotations }) : ''
    return shown + (this.#signature ? this.#place.emit(clientSignature(this.#signature, context)) : '')
  }
}

/** Thinking streams as readable text; its opaque state follows when the block is complete (protocol.md §2.8.2). */
class ThinkingWriter implements BlockWriter {
  readonly #block: ThinkingBlock
  readonly #place: Place
  readonly #index: number

  constructor(block: ThinkingBlock, place: Place) {
    this.#block = { ...block }
    this.#place = place
    this.#index = place.counts.thoughts
    place.counts.thoughts += 1
  }

  start(): string {
    return this.#block.text === '' ? '' : this.#place.emitText('reasoning_content', this.#block.text)
  }

  delta(delta: Delta): string {
    applyDelta(this.#block, delta)
    return delta.type === 'text' ? this.#place.emitText('reasoning_content', delta.text) : ''
  }

  end(): string {
    if (!this.#block.opaque?.length) return ''
    const details = encodeDetails(this.#block, this.#index, this.#place.context.maker)
    return this.#place.emit({ reasoning_details: details })
  }
}

function mediaWriter(block: MediaBlock, place: Place): BlockWriter {
  if (block.kind === 'audio' && block.source.type === 'base64') return new AudioWriter(block, place)
  if (block.kind === 'image' && urlOfSource(block.source) !== undefined) return new ImageWriter(block, place)
  lose(place.path, `a ${block.kind}`, place.losses, place.context.strict)
  return silent
}

class AudioWriter implements BlockWriter {
  readonly #block: MediaBlock
  readonly #place: Place

  constructor(block: MediaBlock, place: Place) {
    this.#block = block
    this.#place = place
  }

  start(): string {
    const data = urlData(this.#block) || undefined
    const audio = giveBack(defined({ data, transcript: this.#block.transcript }), this.#block.extensions)
    return this.#place.emit({ audio })
  }

  delta(delta: Delta): string {
    if (delta.type !== 'media') return ''
    return this.#place.emit({ audio: defined({ data: delta.data, transcript: delta.transcript }) })
  }

  end(): string {
    return ''
  }
}

function urlData({ source }: MediaBlock): string {
  return source.type === 'base64' ? source.data : ''
}

/** An image is shown whole. */
class ImageWriter implements BlockWriter {
  readonly #block: MediaBlock
  readonly #place: Place

  constructor(block: MediaBlock, place: Place) {
    this.#block = { ...block, source: { ...block.source } }
    this.#place = place
  }

  start(): string {
    return ''
  }

  delta(delta: Delta): string {
    applyDelta(this.#block, delta)
    return ''
  }

  end(): string {
    const image = { type: 'image_url', image_url: { url: urlOfSource(this.#block.source) } }
    return this.#place.emit({ images: [giveBack(image, this.#block.extensions)] })
  }
}
