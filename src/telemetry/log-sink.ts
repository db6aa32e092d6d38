import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Writable } from 'node:stream'

const FLUSH_MILLISECONDS = 100
const MAXIMUM_PENDING_CHARACTERS = 4 * 1024 * 1024

/**
 * Gathers lines and hands them on in batches, one batch at a time. What a slow or broken place cannot take is lost and
 * counted: nothing here ever throws, waits for long or grows without bound.
 */
export class LogSink {
  /** Lines that were not written. */
  lost = 0
  readonly #write: (text: string) => Promise<void>
  #lines: string[] = []
  #length = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #writing: Promise<void> | undefined

  constructor(write: (text: string) => Promise<void>) {
    this.#write = write
  }

  push(line: string): void {
    if (this.#length + line.length > MAXIMUM_PENDING_CHARACTERS) {
      this.lost += 1
      return
    }
    this.#lines.push(line)
    this.#length += line.length
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MILLISECONDS)
  }

  /** Resolves when everything pushed so far was written or lost. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #drain(): Promise<void> {
    while (this.#lines.length > 0) {
      const lines = this.#lines
      this.#lines = []
      this.#length = 0
      try {
        await this.#write(lines.join(''))
      } catch {
        this.lost += lines.length
      }
    }
  }
}

/** Appends to a file; its folder is made when it is missing. */
export function fileSink(path: string): LogSink {
  return new LogSink(async (text) => {
    await mkdir(dirname(path), { recursive: true })
    await appendFile(path, text)
  })
}

/** Streams that have been given a listener: without one, a reader that left would end the process. */
const guarded = new WeakSet<Writable>()

/** Writes to a stream of the process. */
export function streamSink(stream: Writable): LogSink {
  if (!guarded.has(stream)) stream.on('error', () => {})
  guarded.add(stream)
  return new LogSink(
    (text) =>
      new Promise((resolve, reject) => {
        // After a failure the runtime's stdout takes everything without a word.
        if (!stream.writable) reject(new Error('the stream is closed'))
        else stream.write(text, (error) => (error ? reject(error) : resolve()))
      }),
  )
}
