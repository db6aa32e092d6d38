import { connect, type Socket } from 'node:net'
import { createParser } from 'eventsource-parser'

/** A request as a raw client sends it. */
export interface SwarmRequest {
  /** `http://127.0.0.1:PORT` */
  url: string
  path: string
  headers?: Record<string, string>
  body: unknown
}

/** What a raw client saw. */
export interface Sighting {
  status: number
  headers: Record<string, string>
  /** Body without chunked framing, as bytes. */
  body: Uint8Array
  /** Events of an SSE body, in order. */
  events: { event?: string; data: string }[]
  /** How the connection ended: by our own abort, in order, by the other side's FIN before the end, or by RST. */
  ended: 'aborted' | 'complete' | 'fin' | 'rst'
  /** Milliseconds from sending to the first byte of the body, and to the end. */
  firstByteMs?: number
  totalMs: number
}

export interface SwarmOptions {
  /** Leave after so many bytes of the response (header block included). */
  abort?: { atByte: number; how: 'fin' | 'rst' }
  /** Read no faster than this. */
  bytesPerSecond?: number
}

function requestBytes(request: SwarmRequest): string {
  const { host } = new URL(request.url)
  const body = JSON.stringify(request.body)
  const headers = {
    host,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...request.headers,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return `POST ${request.path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`
}

const LAST_CHUNK = '0\r\n\r\n'

/** Collects a response and knows when it is whole. */
class Response {
  #chunks: Buffer[] = []
  #bodyStart = -1
  status = 0
  headers: Record<string, string> = {}
  length = 0

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.length += chunk.length
    if (this.#bodyStart >= 0) return
    const bytes = this.#bytes()
    const end = bytes.indexOf('\r\n\r\n')
    if (end >= 0) this.#readHead(bytes, end)
  }

  #bytes(): Buffer {
    const bytes = Buffer.concat(this.#chunks)
    this.#chunks = [bytes]
    return bytes
  }

  #readHead(bytes: Buffer, end: number): void {
    const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
    this.status = Number(first.split(' ')[1])
    this.headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    )
    this.#bodyStart = end + 4
  }

  get hasBody(): boolean {
    return this.#bodyStart >= 0 && this.length > this.#bodyStart
  }

  /** Whether the framing says that the body is over. Cheap: asked for every piece that arrives. */
  get isComplete(): boolean {
    if (this.#bodyStart < 0) return false
    const length = this.headers['content-length']
    if (length !== undefined) return this.length - this.#bodyStart >= Number(length)
    if (this.headers['transfer-encoding'] !== 'chunked') return this.status === 204
    const last = this.#chunks.at(-1)
    const tail = last === undefined || last.length >= LAST_CHUNK.length ? last : this.#bytes()
    return tail?.subarray(-LAST_CHUNK.length).toString('latin1') === LAST_CHUNK
  }

  body(): Uint8Array {
    if (this.#bodyStart < 0) return new Uint8Array()
    const raw = this.#bytes().subarray(this.#bodyStart)
    return this.headers['transfer-encoding'] === 'chunked' ? unchunk(raw) : new Uint8Array(raw)
  }
}

function unchunk(raw: Buffer): Uint8Array {
  const parts: Buffer[] = []
  let place = 0
  for (;;) {
    const lineEnd = raw.indexOf('\r\n', place)
    if (lineEnd < 0) break
    const size = Number.parseInt(raw.subarray(place, lineEnd).toString('latin1'), 16)
    parts.push(raw.subarray(lineEnd + 2, lineEnd + 2 + size))
    if (size === 0 || raw.length < lineEnd + 4 + size) break
    place = lineEnd + 4 + size
  }
  return new Uint8Array(Buffer.concat(parts))
}

function eventsOf(body: Uint8Array): Sighting['events'] {
  const events: Sighting['events'] = []
  const parser = createParser({
    onEvent: ({ event, data }) => events.push(event === undefined ? { data } : { event, data }),
  })
  parser.feed(new TextDecoder().decode(body))
  return events
}

/** Reads slowly: takes what came, then rests for as long as the rate demands. */
function throttle(socket: Socket, length: number, bytesPerSecond: number): void {
  socket.pause()
  setTimeout(() => socket.resume(), (length / bytesPerSecond) * 1000)
}

/** One client over a raw socket: no SDK, no retry, no hidden reading ahead. */
export async function sendRaw(request: SwarmRequest, options: SwarmOptions = {}): Promise<Sighting> {
  const { hostname, port } = new URL(request.url)
  const response = new Response()
  const begun = performance.now()
  let firstByteMs: number | undefined
  const ended = await new Promise<Sighting['ended']>((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(requestBytes(request)))
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      response.push(Buffer.from(chunk))
      if (response.hasBody) firstByteMs ??= performance.now() - begun
      if (options.abort && response.length >= options.abort.atByte) {
        resolve('aborted')
        if (options.abort.how === 'rst') socket.resetAndDestroy()
        else socket.destroy()
      } else if (response.isComplete) {
        resolve('complete')
        socket.destroy()
      } else if (options.bytesPerSecond) throttle(socket, chunk.length, options.bytesPerSecond)
    })
    socket.on('end', () => resolve(response.headers['connection'] === 'close' ? 'complete' : 'fin'))
    socket.on('error', (error) => (response.length > 0 || 'code' in error ? resolve('rst') : reject(error)))
  })
  const body = response.body()
  const isSse = response.headers['content-type']?.startsWith('text/event-stream') === true
  return {
    status: response.status,
    headers: response.headers,
    body,
    events: isSse ? eventsOf(body) : [],
    ended,
    firstByteMs,
    totalMs: performance.now() - begun,
  }
}

/** Runs `client(0)` … `client(count - 1)`, at most `together` at a time. Results are in order. */
export async function swarm<T>(
  count: number,
  together: number,
  client: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = new Array(count)
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next
      next += 1
      results[index] = await client(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(together, count) }, worker))
  return results
}
