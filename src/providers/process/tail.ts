const keptBytes = 8 * 1024
const keptLines = 5

/** Reads a child's standard error to its end and keeps the last of it, so that the child never blocks on it. */
export class Tail {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #done: Promise<void>
  #text = ''

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.#reader = reader
    this.#done = this.#read().catch(() => {})
  }

  /** The last lines, once all was read or `patienceMs` have passed. */
  async lastLines(patienceMs: number): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs)
    })
    await Promise.race([this.#done, patience])
    clearTimeout(timer)
    const lines = this.#text.split('\n').filter((line) => line.trim() !== '')
    return lines.slice(-keptLines).join('\n').trim()
  }

  stop(): void {
    this.#reader.cancel().catch(() => {})
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder('utf-8')
    for (let chunk = await this.#reader.read(); !chunk.done; chunk = await this.#reader.read())
      this.#text = (this.#text + decoder.decode(chunk.value, { stream: true })).slice(-keptBytes)
  }
}
