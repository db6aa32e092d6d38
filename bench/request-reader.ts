/** What the scripted upstream needs to know of a request. */
export interface UpstreamRequest {
  /** `/v1/chat/completions`, without the query. */
  path: string
  /** The body asks for a stream. */
  stream: boolean
}

const HEAD_END = '\r\n\r\n'
const STREAM_MEMBER = /"stream"\s*:\s*true/

/** Gathers the requests of one connection. Bodies come with a length or in chunks; both are taken. */
export class RequestReader {
  #gathered: Buffer = Buffer.alloc(0)
  /** Bytes of the request that is being read; 0 while its head is incomplete. */
  #length = 0
  #path = ''

  /** The requests that are complete with these bytes. */
  push(bytes: Buffer): UpstreamRequest[] {
    this.#gathered = this.#gathered.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#gathered, bytes])
    const complete: UpstreamRequest[] = []
    for (let request = this.#take(); request; request = this.#take()) complete.push(request)
    return complete
  }

  #take(): UpstreamRequest | undefined {
    if (this.#length === 0 && !this.#readHead()) return undefined
    const end = this.#length === Number.POSITIVE_INFINITY ? this.#chunkedEnd() : this.#length
    if (end === undefined || this.#gathered.length < end) return undefined
    const body = this.#gathered.toString('latin1', 0, end)
    this.#gathered = this.#gathered.subarray(end)
    this.#length = 0
    return { path: this.#path, stream: STREAM_MEMBER.test(body) || this.#path.includes(':stream') }
  }

  #readHead(): boolean {
    const end = this.#gathered.indexOf(HEAD_END)
    if (end < 0) return false
    const head = this.#gathered.toString('latin1', 0, end)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    const chunked = /\r\ntransfer-encoding: *chunked/i.test(head)
    this.#path = head.slice(head.indexOf(' ') + 1).split(/[ ?]/, 1)[0] ?? ''
    this.#length = chunked ? Number.POSITIVE_INFINITY : end + HEAD_END.length + Number(length ?? 0)
    return true
  }

  /** Follows the chunks' sizes to the end of the body, undefined when it is not there yet. */
  #chunkedEnd(): number | undefined {
    let at = this.#gathered.indexOf(HEAD_END) + HEAD_END.length
    for (;;) {
      const line = this.#gathered.indexOf('\r\n', at)
      if (line < 0) return undefined
      const size = Number.parseInt(this.#gathered.toString('latin1', at, line), 16)
      at = line + 2 + size + 2
      if (size === 0) return at <= this.#gathered.length ? at : undefined
      if (at > this.#gathered.length) return undefined
    }
  }
}
