import type { Block } from '../protocol/model/block.ts'
import type { GatewayError } from '../protocol/model/error.ts'
import { undescribed } from '../protocol/model/read.ts'
import type { ChatRequest } from '../protocol/model/request.ts'

/** So long a run of characters that message and prompt share is taken for the prompt. */
const RUN = 16
/** Any run of `RUN` characters holds one of the prompt's blocks of this length, wherever it begins. */
const BLOCK = RUN / 2
/** A text of the prompt that is shorter than a run is found when the message holds the whole of it. */
const SHORTEST = 6
/** How much of a message and of a prompt is looked at; the newest messages come first. */
const MAXIMUM_MESSAGE = 4_000
const MAXIMUM_SCANNED = 256 * 1024
const INSTEAD = '[prompt]'

/**
 * An error's message for places where no content may go, such as the log (promise M6): upstreams like to repeat what
 * they were asked, what we found wrong in an answer is a piece of the answer, and in a request of the prompt.
 */
export function contentFree(
  { message, details }: Pick<GatewayError, 'message' | 'details'>,
  request: Pick<ChatRequest, 'messages'> | undefined,
): string {
  const said = details.withoutContent ?? (details.upstream ? message : undescribed(message))
  return request === undefined || said.length < SHORTEST ? said : withoutPrompt(said, request)
}

function withoutPrompt(said: string, request: Pick<ChatRequest, 'messages'>): string {
  const text = said.length > MAXIMUM_MESSAGE ? said.slice(0, MAXIMUM_MESSAGE) : said
  const places = placesIn(text)
  const hidden: Range[] = []
  let left = MAXIMUM_SCANNED
  for (const piece of piecesOf(request)) {
    const prompt = piece.length > left ? piece.slice(0, left) : piece
    left -= prompt.length
    if (prompt.length < RUN) hidden.push(...wholeIn(text, prompt))
    else hidden.push(...runsIn(text, places, prompt))
    if (left <= 0) break
  }
  return hidden.length === 0 ? text : replaced(text, hidden)
}

/** From here to there, the end exclusive. */
type Range = [number, number]
/** Where each block of characters stands in a text, its first few places. */
interface Places {
  places: ReadonlyMap<string, readonly number[]>
  /** Most blocks of a prompt stand nowhere in the text: this rough look says so without making a string of them. */
  slots: Uint8Array
}
const MAXIMUM_PLACES = 8
/** A power of two, well above the longest message. */
const SLOTS = 1 << 15

function placesIn(text: string): Places {
  const places = new Map<string, number[]>()
  const slots = new Uint8Array(SLOTS)
  for (let at = 0; at + BLOCK <= text.length; at += 1) {
    const block = text.slice(at, at + BLOCK)
    const known = places.get(block)
    if (!known) places.set(block, [at])
    else if (known.length < MAXIMUM_PLACES) known.push(at)
    slots[slotAt(text, at)] = 1
  }
  return { places, slots }
}

function slotAt(text: string, from: number): number {
  let hash = 0
  for (let at = from; at < from + BLOCK; at += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0
  return (hash ^ (hash >>> 15)) & (SLOTS - 1)
}

function* wholeIn(text: string, prompt: string): Generator<Range> {
  const wanted = prompt.trim()
  if (wanted.length < SHORTEST) return
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + wanted.length))
    yield [at, at + wanted.length]
}

/** Where the message repeats the prompt. Each character of the prompt is looked at a bounded number of times. */
function* runsIn(text: string, { places, slots }: Places, prompt: string): Generator<Range> {
  for (let block = 0; block + BLOCK <= prompt.length; ) {
    let next = block + BLOCK
    if (slots[slotAt(prompt, block)] === 0) {
      block = next
      continue
    }
    for (const at of places.get(prompt.slice(block, block + BLOCK)) ?? []) {
      const before = sharedBefore(text, at, prompt, block)
      const behind = sharedFrom(text, at, prompt, block)
      if (before + behind < RUN) continue
      yield [at - before, at + behind]
      next = Math.max(next, block + behind)
    }
    block = next
  }
}

/** A run that went back further was found at an earlier block. */
function sharedBefore(text: string, at: number, prompt: string, place: number): number {
  const most = Math.min(BLOCK, at, place)
  let count = 0
  while (count < most && text[at - count - 1] === prompt[place - count - 1]) count += 1
  return count
}

function sharedFrom(text: string, at: number, prompt: string, place: number): number {
  const most = Math.min(text.length - at, prompt.length - place)
  let count = 0
  while (count < most && text[at + count] === prompt[place + count]) count += 1
  return count
}

function replaced(text: string, hidden: Range[]): string {
  let clean = ''
  let from = 0
  for (const [begin, end] of hidden.sort((one, other) => one[0] - other[0])) {
    if (begin > from || from === 0) clean += text.slice(from, begin) + INSTEAD
    from = Math.max(from, end)
  }
  return clean + text.slice(from)
}

function* piecesOf({ messages }: Pick<ChatRequest, 'messages'>): Generator<string> {
  for (const { content } of messages.toReversed()) for (const block of content) yield* textsOf(block)
}

function* textsOf(block: Block): Generator<string> {
  if (block.type === 'text' || block.type === 'thinking' || block.type === 'refusal') yield block.text
  else if (block.type === 'tool-call') yield block.arguments
  else if (block.type === 'tool-result') for (const inner of block.content) yield* textsOf(inner)
  else if (block.type === 'unknown') yield JSON.stringify(block.wire)
  else if (block.source.type === 'text') yield block.source.text
  else if (block.source.type === 'url') yield block.source.url
}
