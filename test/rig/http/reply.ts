/** An HTTP answer before it is broken. */
export interface Reply {
  status: number
  /** Without those of the framing, which `wireOf` adds. */
  headers: [name: string, value: string][]
  /** The body in the pieces it is sent in: one event of a stream each, or one piece for a whole answer. */
  parts: Uint8Array[]
  framing: 'chunked' | 'length' | 'close'
  /** Output tokens spent when the part of the same index has been sent. */
  produced: number[]
}

/** A reply as bytes, with the places that faults refer to. */
export interface Wire {
  bytes: Uint8Array
  /** Offset of the first byte after the header block. */
  bodyStart: number
  /** Wire offset where each part ends, its framing included. */
  partEnds: number[]
  /** Wire offset of a byte of the body, framing not counted. */
  offsetOf(bodyByte: number): number
}

const encoder = new TextEncoder()

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text)
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function framingHeaders(reply: Reply, lengthError: number): string[] {
  if (reply.status === 204 || reply.status === 304) return []
  if (reply.framing === 'chunked') return ['transfer-encoding: chunked']
  if (reply.framing === 'close') return ['connection: close']
  const length = reply.parts.reduce((sum, part) => sum + part.length, 0)
  return [`content-length: ${length + lengthError}`]
}

/** `lengthError` is added to the true content-length. */
export function wireOf(reply: Reply, lengthError = 0): Wire {
  const own = reply.headers.map(([name, value]) => `${name}: ${value}`)
  const lines = [`HTTP/1.1 ${reply.status} Rig`, ...own, ...framingHeaders(reply, lengthError)]
  const head = bytesOf(`${lines.join('\r\n')}\r\n\r\n`)
  const pieces: Uint8Array[] = [head]
  const bodyOffsets: { body: number; wire: number }[] = []
  const partEnds: number[] = []
  let body = 0
  let wire = head.length
  const add = (bytes: Uint8Array): void => {
    pieces.push(bytes)
    wire += bytes.length
  }
  for (const part of reply.parts) {
    if (part.length === 0) {
      partEnds.push(wire)
      continue
    }
    if (reply.framing === 'chunked') add(bytesOf(`${part.length.toString(16)}\r\n`))
    bodyOffsets.push({ body, wire })
    add(part)
    body += part.length
    if (reply.framing === 'chunked') add(bytesOf('\r\n'))
    partEnds.push(wire)
  }
  if (reply.framing === 'chunked') add(bytesOf('0\r\n\r\n'))
  const end = wire
  return {
    bytes: joined(pieces),
    bodyStart: head.length,
    partEnds,
    offsetOf: (bodyByte) => {
      if (bodyByte >= body) return end
      const start = bodyOffsets.findLast((one) => one.body <= bodyByte)
      return start === undefined ? head.length : start.wire + (bodyByte - start.body)
    },
  }
}
