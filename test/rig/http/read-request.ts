/** One HTTP/1.1 request as it came over the wire. */
export interface RawRequest {
  method: string
  /** Path with query. */
  target: string
  /** Names as sent, in order, with repetitions. */
  headers: [name: string, value: string][]
  body: Uint8Array
}

export function headerOf(headers: readonly (readonly [string, string])[], name: string): string | undefined {
  return headers.find(([one]) => one.toLowerCase() === name)?.[1]
}

const CRLF2 = Buffer.from('\r\n\r\n')

/** Collects bytes of one connection and gives complete requests, one at a time. */
export class RequestReader {
  #bytes: Buffer = Buffer.alloc(0)

  push(chunk: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#bytes, chunk])
  }

  /** Whether anything of a further request has arrived. */
  get isEmpty(): boolean {
    return this.#bytes.length === 0
  }

  /** The next request, or undefined until more bytes come. Throws on bytes that are not HTTP. */
  take(): RawRequest | undefined {
    const end = this.#bytes.indexOf(CRLF2)
    if (end < 0) return undefined
    const [first = '', ...lines] = this.#bytes.subarray(0, end).toString('latin1').split('\r\n')
    const [method, target, version] = first.split(' ')
    if (method === undefined || target === undefined || version !== 'HTTP/1.1')
      throw new Error(`not HTTP/1.1: ${first}`)
    const headers = lines.map((line): [string, string] => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
    const rest = this.#bytes.subarray(end + CRLF2.length)
    const chunked = headerOf(headers, 'transfer-encoding') === 'chunked'
    const read = chunked
      ? readChunks(rest)
      : readLength(rest, Number(headerOf(headers, 'content-length') ?? 0))
    if (read === undefined) return undefined
    this.#bytes = Buffer.from(rest.subarray(read.used))
    return { method, target, headers, body: read.body }
  }
}

interface ReadBody {
  body: Uint8Array
  used: number
}

function readLength(rest: Buffer, length: number): ReadBody | undefined {
  return rest.length < length ? undefined : { body: new Uint8Array(rest.subarray(0, length)), used: length }
}

function readChunks(rest: Buffer): ReadBody | undefined {
  const parts: Buffer[] = []
  let place = 0
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', place)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(rest.subarray(place, lineEnd).toString('latin1'), 16)
    const start = lineEnd + 2
    if (rest.length < start + size + 2) return undefined
    if (size === 0) return { body: Buffer.concat(parts), used: start + 2 }
    parts.push(rest.subarray(start, start + size))
    place = start + size + 2
  }
}
