import { GatewayError } from '../../protocol/model/error.ts'
import type { UpstreamRequest } from '../request.ts'
import type { Place } from './place.ts'

const token = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/
/** What a value may not hold: control characters, and what has no single byte (RFC 9110 §5.5). */
const unwritable = /[^\t\x20-\x7e\x80-\xff]/

/** Names seen before and found good: configuration and dialects use few. */
const goodNames = new Set<string>()
const MAXIMUM_NAMES = 1_000

/** Fields that say where the request ends or what becomes of the connection: only the client itself writes them. */
const ours = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * The request line and the fields, up to and with the empty line, as Latin-1 text. Throws `internal` for a header that
 * cannot be written; its value is not shown.
 */
export function requestHead(request: UpstreamRequest, place: Place, bodyBytes: number | undefined): string {
  let fields = ''
  let host = place.hostHeader
  const { headers } = request
  for (const name of Object.keys(headers)) {
    const value = String(headers[name])
    if (!goodNames.has(name)) checkName(name)
    if (unwritable.test(value))
      throw unwritableHeader(name, 'its value has a control character or one beyond Latin-1')
    if (name.length === 4 && name.toLowerCase() === 'host') host = value
    else fields += `${name}: ${value}\r\n`
  }
  const length = bodyBytes === undefined ? '' : `content-length: ${bodyBytes}\r\n`
  return `${request.method} ${place.target} HTTP/1.1\r\nhost: ${host}\r\n${fields}${length}\r\n`
}

function checkName(name: string): void {
  if (!token.test(name)) throw unwritableHeader(name, 'its name is no token')
  if (ours.has(name.toLowerCase())) throw unwritableHeader(name, 'the gateway writes it itself')
  if (goodNames.size >= MAXIMUM_NAMES) goodNames.clear()
  goodNames.add(name)
}

function unwritableHeader(name: string, reason: string): GatewayError {
  const shown = JSON.stringify(name.slice(0, 60))
  return new GatewayError(
    'internal',
    `The header ${shown} cannot be sent to the upstream: ${reason}. Check the provider's headers and key`,
  )
}
