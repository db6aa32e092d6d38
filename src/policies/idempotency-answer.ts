import { type Call, isStream, type Reply, type StreamBody } from '../pipeline/call.ts'
import { scrubbed } from '../pipeline/scrub.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { parseJson } from '../protocol/model/json.ts'

/** What stands before the body of a kept answer. */
interface Head {
  status: number
  headers: Record<string, string>
  stream: boolean
  /** The body is left out: it was larger than what may be kept. */
  tooLarge?: true
}

const REPLAYED_HEADER = 'idempotency-replayed'
const NEWLINE = 0x0a
/** A replayed stream goes out in pieces, as any stream does. */
const PIECE_BYTES = 16 * 1024

/** One line of JSON, then the body as it is. */
export function packAnswer(
  reply: Omit<Reply, 'body'>,
  body: Uint8Array | undefined,
  stream = false,
): Uint8Array {
  const head: Head = { status: reply.status, headers: lasting(reply.headers), stream }
  if (body === undefined) head.tooLarge = true
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body ?? new Uint8Array(0)])
}

/** Headers that describe the answer. What describes the moment (limits, ids) is made anew. */
function lasting(headers: Record<string, string>): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => name.startsWith('x-xjp-') || streamOrType.has(name))
  return Object.fromEntries(kept)
}

const streamOrType = new Set(['content-type', 'cache-control', 'x-accel-buffering'])

/** The kept answer again: same status, same bytes, and a header that says that it is a repetition. */
export function replayOf(call: Call, answer: Uint8Array): Reply {
  const end = answer.indexOf(NEWLINE)
  const head = parseJson(Buffer.from(answer.subarray(0, end)).toString()) as unknown as Head
  if (head.tooLarge)
    throw new GatewayError(
      'unprocessable',
      'idempotency-key: the request was executed, but its answer is larger than what is kept ' +
        '(idempotency.max_answer_bytes) and cannot be given again; use a new key to execute it again',
      { code: 'not_replayable', param: 'idempotency-key' },
    )
  const body = answer.subarray(end + 1)
  const headers = { ...head.headers, ...call.replyHeaders, [REPLAYED_HEADER]: 'true' }
  // Nothing was used this time.
  if ('x-xjp-cost' in headers) headers['x-xjp-cost'] = '0'
  return { status: head.status, headers, body: head.stream ? pieces(body) : body }
}

function pieces(bytes: Uint8Array): StreamBody {
  let at = 0
  return {
    next() {
      const piece = bytes.subarray(at, at + PIECE_BYTES)
      at += PIECE_BYTES
      return Promise.resolve(piece.length > 0 ? piece : undefined)
    },
    cancel() {
      at = bytes.length
    },
  }
}

/** Statuses of an upstream that say nothing of the request: our account there, its load, the moment. */
const passing = new Set([401, 402, 407, 408, 409, 425, 429])

/** The answer an error makes when the upstream has judged the request; undefined when the request may do better later. */
export function judgement(thrown: unknown, call: Call): Uint8Array | undefined {
  if (!(thrown instanceof GatewayError) || thrown.details.upstream === undefined || thrown.retryable)
    return undefined
  const { status, body } = call.client.client.encodeError(scrubbed(thrown, call), call.id)
  if (status < 400 || status > 499 || passing.has(status)) return undefined
  const headers = {
    ...call.replyHeaders,
    'content-type': 'application/json',
    'x-xjp-attempts': String(call.record.attempts.length),
  }
  return packAnswer({ status, headers }, Buffer.from(JSON.stringify(body)))
}

export interface Ending {
  /** The whole answer is there; resolves when it is kept, and never rejects. */
  complete(answer: Uint8Array): Promise<void> | void
  /** It broke off or the client left: nothing is kept. Resolves when the key is free. */
  release(): Promise<void> | void
}

/** The reply, kept on its way to the client. A stream is read along, up to `maximumBytes`. */
export async function recorded(
  call: Call,
  reply: Reply,
  maximumBytes: number,
  ending: Ending,
): Promise<Reply> {
  const { body } = reply
  if (isStream(body)) return { ...reply, body: new RecordedStream(call, reply, body, maximumBytes, ending) }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  await ending.complete(packAnswer(reply, bytes.length > maximumBytes ? undefined : bytes))
  return reply
}

class RecordedStream implements StreamBody {
  readonly #call: Call
  readonly #reply: Reply
  readonly #inner: StreamBody
  readonly #maximumBytes: number
  readonly #ending: Ending
  /** Undefined when they are too many to keep. */
  #pieces: Uint8Array[] | undefined = []
  #bytes = 0
  #over = false
  #isReadOn = false
  #pulling: Promise<unknown> | undefined

  constructor(call: Call, reply: Reply, inner: StreamBody, maximumBytes: number, ending: Ending) {
    this.#call = call
    this.#reply = reply
    this.#inner = inner
    this.#maximumBytes = maximumBytes
    this.#ending = ending
  }

  next(): Promise<string | Uint8Array | undefined> {
    const pulling = this.#pull()
    this.#pulling = pulling
    return pulling
  }

  async #pull(): Promise<string | Uint8Array | undefined> {
    const chunk = await this.#inner.next()
    if (chunk === undefined) await this.#end()
    else this.#keep(chunk)
    return chunk
  }

  /** What is read on for a client that left is kept for it; else nothing is. */
  cancel(): Promise<void> | void {
    if (this.#over) return this.#inner.cancel()
    if (this.#call.readsOn && !this.#isReadOn) return this.#readOn()
    const rest = this.#inner.cancel()
    this.#over = true
    this.#pieces = undefined
    void this.#ending.release()
    return rest
  }

  async #readOn(): Promise<void> {
    this.#isReadOn = true
    await this.#pulling
    while (!this.#over) await this.next()
  }

  #keep(chunk: string | Uint8Array): void {
    if (!this.#pieces) return
    // Copied: what a stream hands on may be a part of a buffer that is used again.
    const piece = Buffer.from(chunk as string)
    this.#bytes += piece.length
    if (this.#bytes > this.#maximumBytes) this.#pieces = undefined
    else this.#pieces.push(piece)
  }

  /** The client hears the end only when that is kept, or the key is free: whoever asks again at once finds it so. */
  async #end(): Promise<void> {
    if (this.#over) return
    this.#over = true
    const { record } = this.#call
    const pieces = this.#pieces
    this.#pieces = undefined
    if (record.error !== undefined || record.endedBy !== 'complete') return this.#ending.release()
    await this.#ending.complete(packAnswer(this.#reply, pieces && Buffer.concat(pieces), true))
  }
}
