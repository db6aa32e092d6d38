import { connect } from 'node:net'
import { parseJson } from '../../rig/json.ts'

/** A request as bytes: nothing is corrected on its way. */
export interface RawAnswer {
  status: number
  body: string
  json: unknown
  /** From the last byte sent to the first byte back. */
  milliseconds: number
}

/** Sends `bytes` over a socket and reads until the answer is whole by its content length, or the socket closes. */
export async function sendBytes(url: string, bytes: string | Uint8Array): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let received = ''
    let sentAt = 0
    let firstAt: number | undefined
    const timer = setTimeout(() => finish('no whole answer within 5 s'), 5_000)
    const finish = (failure?: string): void => {
      clearTimeout(timer)
      socket.destroy()
      const [head = '', ...rest] = received.split('\r\n\r\n')
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0)
      if (failure !== undefined && status === 0)
        reject(new Error(`${failure}: ${JSON.stringify(received.slice(0, 200))}`))
      const raw = rest.join('\r\n\r\n')
      const body = /\r\ntransfer-encoding: chunked/i.test(head) ? unchunked(raw) : raw
      resolve({ status, body, json: parseJson(body), milliseconds: (firstAt ?? 0) - sentAt })
    }
    const socket = connect(Number(port), hostname, () => {
      socket.write(bytes, () => {
        sentAt ||= performance.now()
      })
    })
    socket.on('data', (chunk) => {
      firstAt ??= performance.now()
      sentAt ||= firstAt
      received += Buffer.from(chunk).toString('latin1')
      const length = /content-length: (\d+)/i.exec(received)?.[1]
      const start = received.indexOf('\r\n\r\n') + 4
      if (start > 3 && length !== undefined && received.length - start >= Number(length)) finish()
    })
    socket.on('close', () => finish('the connection was closed'))
    socket.on('error', () => finish('the connection was reset'))
  })
}

/** The content of a chunked body, as far as it came. */
function unchunked(raw: string): string {
  let body = ''
  for (let at = 0; ; ) {
    const lineEnd = raw.indexOf('\r\n', at)
    const size = Number.parseInt(raw.slice(at, lineEnd), 16)
    if (lineEnd === -1 || !(size > 0)) return body
    body += raw.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 4 + size
  }
}
