/** The rest of an answer, pulled; see `pipeline/call.ts`. */
export interface Pulled {
  next(): Promise<string | Uint8Array | undefined>
  cancel(): Promise<void> | void
}

export interface StreamWriter {
  /** Writes a last piece and ends the stream: the drain limit was reached. */
  finish(last: string): void
}

export interface WriterHooks {
  /** Written while there is nothing else to write. */
  keepAlive: string
  keepAliveMs: number
  /** A client that takes nothing for this long is given up; five minutes when absent. */
  stallMs?: number
  onEnd(bytesSent: number, clientLeft: boolean): void
  onOpen(writer: StreamWriter): void
}

/**
 * The runtime's stream that hands bytes to the socket without a queue of its own. `write` takes the chunk in any case;
 * it gives a promise when the socket is full (resolved when there is room, or when the client is gone) and 0 when the
 * client is gone. Neither throws for that.
 */
type DirectController = Pick<ReadableStreamDirectController, 'write' | 'flush' | 'close'>

const TICK_MILLISECONDS = 500
const STALL_MILLISECONDS = 300_000
const open = new Set<Writer>()
/** What is to be done just before the stream of a response ends. */
const endings = new WeakMap<Response, { call?: () => void }>()

/** Calls back just before the response ends: at once, unless it is a stream of `streamResponse`. */
export function whenStreamEnds(response: Response, call: () => void): void {
  const ending = endings.get(response)
  if (ending) ending.call = call
  else call()
}

let ticker: ReturnType<typeof setInterval> | undefined

/** One write to the client for each chunk; a heartbeat when nothing was written for a while. */
class Writer implements StreamWriter {
  readonly #body: Pulled
  readonly #hooks: WriterHooks
  readonly #controller: DirectController
  readonly #beforeEnd: () => void
  #lastWrite = performance.now()
  #bytes = 0
  #closed = false
  #isConcluded = false
  /** Since when the socket is full: a slow client hears nothing new, and needs no heartbeat. */
  #stalledSince: number | undefined

  constructor(body: Pulled, hooks: WriterHooks, controller: DirectController, beforeEnd: () => void) {
    this.#body = body
    this.#hooks = hooks
    this.#controller = controller
    this.#beforeEnd = beforeEnd
    open.add(this)
    ticker ??= setInterval(() => {
      const now = performance.now()
      for (const writer of open) writer.beat(now)
    }, TICK_MILLISECONDS)
    hooks.onOpen(this)
  }

  async run(): Promise<void> {
    try {
      while (!this.#closed) {
        const chunk = await this.#body.next()
        if (chunk === undefined || this.#closed) break
        const room = this.#write(chunk)
        // A slow client: nothing more is read from the upstream until the socket took this.
        if (room !== undefined) await this.#waitFor(room)
      }
      this.close(false)
    } catch {
      this.close(true)
    }
  }

  beat(now: number): void {
    if (this.#stalledSince !== undefined) {
      if (now - this.#stalledSince > (this.#hooks.stallMs ?? STALL_MILLISECONDS)) this.close(true)
      return
    }
    if (now - this.#lastWrite < this.#hooks.keepAliveMs) return
    const room = this.#write(this.#hooks.keepAlive)
    if (room !== undefined) void this.#waitFor(room)
  }

  /** Whatever is still read, or waited for, is given up: nothing comes after it. */
  finish(last: string): void {
    const hasLeft = this.#closed
    if (!hasLeft) {
      this.#write(last)
      this.#end(false, true)
    }
    if (this.#isConcluded) return
    void this.#body.cancel()
    this.#conclude(hasLeft)
  }

  close(clientLeft: boolean): void {
    this.#end(clientLeft, clientLeft)
  }

  #end(clientLeft: boolean, cancels: boolean): void {
    if (this.#closed) return
    this.#closed = true
    open.delete(this)
    if (open.size === 0) {
      clearInterval(ticker)
      ticker = undefined
    }
    const rest = cancels ? this.#body.cancel() : undefined
    this.#beforeEnd()
    this.#controller.close()
    whenOver(rest, () => this.#conclude(clientLeft))
  }

  #conclude(clientLeft: boolean): void {
    if (this.#isConcluded) return
    this.#isConcluded = true
    this.#hooks.onEnd(this.#bytes, clientLeft)
  }

  async #waitFor(room: Promise<number>): Promise<void> {
    this.#stalledSince = performance.now()
    await room
    this.#stalledSince = undefined
    this.#lastWrite = performance.now()
  }

  /** A promise when the socket is full. */
  #write(chunk: string | Uint8Array): Promise<number> | undefined {
    if (chunk.length === 0) return undefined
    this.#lastWrite = performance.now()
    const taken = this.#controller.write(chunk)
    if (taken === 0) {
      this.close(true)
      return undefined
    }
    this.#bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length
    const flushed = this.#controller.flush()
    if (taken instanceof Promise) return taken
    return flushed instanceof Promise ? flushed : undefined
  }
}

/** Calls back at once, or when what is still being read is over. */
function whenOver(rest: Promise<void> | void, call: () => void): void {
  if (rest) void rest.then(call, call)
  else call()
}

/** For a client that left before its answer could begin: the runtime would never ask for a byte of it. */
export function abandon(body: Pulled, hooks: Pick<WriterHooks, 'onEnd'>): void {
  whenOver(body.cancel(), () => hooks.onEnd(0, true))
}

/** Answers a request with a pulled body. Bytes go out as they come: nothing is gathered, nothing is compressed. */
export function streamResponse(
  body: Pulled,
  init: { status: number; headers: Record<string, string> },
  hooks: WriterHooks,
): Response {
  let writer: Writer | undefined
  const ending: { call?: () => void } = {}
  const source: Bun.DirectUnderlyingSource = {
    type: 'direct',
    // Called once; the stream then stays open until the writer closes it.
    pull(controller) {
      writer = new Writer(body, hooks, controller, () => ending.call?.())
      void writer.run()
    },
    cancel(): void {
      if (writer) writer.close(true)
      else whenOver(body.cancel(), () => hooks.onEnd(0, true))
    },
  }
  // The DOM's types do not know the kind `direct`.
  const response = new Response(new ReadableStream(source as object), init)
  endings.set(response, ending)
  return response
}
