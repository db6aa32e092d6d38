/** The rest of an answer, pulled; see `pipeline/call.ts`. */
export interface Pulled {
  next(): Promise<string | Uint8Array | undefined>
  cancel(): void
}

export interface StreamWriter {
  /** Writes a last piece and ends the stream: the drain limit was reached. */
  finish(last: string): void
}

export interface WriterHooks {
  /** Written while there is nothing else to write. */
  keepAlive: string
  keepAliveMs: number
  onEnd(bytesSent: number, clientLeft: boolean): void
  onOpen(writer: StreamWriter): void
}

/** The runtime's stream that hands bytes to the socket without a queue of its own. */
interface DirectController {
  write(chunk: string | Uint8Array): number | Promise<number>
  flush(): number | Promise<number>
  close(): void
}

const TICK_MILLISECONDS = 500
const open = new Set<Writer>()
let ticker: ReturnType<typeof setInterval> | undefined

/** One write to the client for each chunk; a heartbeat when nothing was written for a while. */
class Writer implements StreamWriter {
  readonly #body: Pulled
  readonly #hooks: WriterHooks
  readonly #controller: DirectController
  readonly #over: () => void
  readonly ended: Promise<void>
  #lastWrite = performance.now()
  #bytes = 0
  #closed = false

  constructor(body: Pulled, hooks: WriterHooks, controller: DirectController) {
    this.#body = body
    this.#hooks = hooks
    this.#controller = controller
    let over = (): void => {}
    this.ended = new Promise((resolve) => {
      over = resolve
    })
    this.#over = over
    open.add(this)
    ticker ??= setInterval(() => {
      const now = performance.now()
      for (const writer of open) writer.beat(now)
    }, TICK_MILLISECONDS)
    hooks.onOpen(this)
  }

  async run(): Promise<void> {
    try {
      for (;;) {
        const chunk = await this.#body.next()
        if (chunk === undefined || this.#closed) break
        const flushed = this.#write(chunk)
        // A slow client: wait until the socket took it, so that no more is read from the upstream meanwhile.
        if (flushed instanceof Promise) await flushed
      }
      this.close(false)
    } catch {
      // The socket is gone: writing to it throws.
      this.close(true)
    }
  }

  beat(now: number): void {
    if (now - this.#lastWrite < this.#hooks.keepAliveMs) return
    try {
      void this.#write(this.#hooks.keepAlive)
    } catch {
      this.close(true)
    }
  }

  finish(last: string): void {
    if (this.#closed) return
    try {
      void this.#write(last)
    } finally {
      this.#body.cancel()
      this.close(false)
    }
  }

  close(clientLeft: boolean): void {
    if (this.#closed) return
    this.#closed = true
    open.delete(this)
    if (open.size === 0) {
      clearInterval(ticker)
      ticker = undefined
    }
    if (clientLeft) this.#body.cancel()
    try {
      this.#controller.close()
    } catch {
      // Closed by the other side already.
    }
    this.#hooks.onEnd(this.#bytes, clientLeft)
    this.#over()
  }

  #write(chunk: string | Uint8Array): number | Promise<number> {
    this.#lastWrite = performance.now()
    this.#bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length
    this.#controller.write(chunk)
    return this.#controller.flush()
  }
}

/** Answers a request with a pulled body. Bytes go out as they come: nothing is gathered, nothing is compressed. */
export function streamResponse(
  body: Pulled,
  init: { status: number; headers: Record<string, string> },
  hooks: WriterHooks,
): Response {
  let writer: Writer | undefined
  const source = {
    type: 'direct' as const,
    async pull(controller: DirectController): Promise<void> {
      writer = new Writer(body, hooks, controller)
      void writer.run()
      await writer.ended
    },
    cancel(): void {
      if (writer) writer.close(true)
      else {
        body.cancel()
        hooks.onEnd(0, true)
      }
    },
  }
  return new Response(new ReadableStream(source as unknown as UnderlyingDefaultSource), init)
}
