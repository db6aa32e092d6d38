import { GatewayError } from '../../protocol/model/error.ts'
import type { UpstreamRequest } from '../request.ts'
import { fieldName } from './field-name.ts'
import type { Place } from './place.ts'

/** What a value may not hold: control characters, and what has no single byte (RFC 9110 §5.5). */
const unwritable = /[^\t\x20-\x7e\x80-\xff]/

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
    const value = String(headers[name]).trim()
    const field = fieldName(name)
    if (field === undefined) throw unwritableHeader(name, 'its name is no token')
    if (ours.has(field)) throw unwritableHeader(name, 'the gateway writes it itself')
    if (unwritable.test(value))
      throw unwritableHeader(name, 'its value has a control character or one beyond Latin-1')
    if (field === 'host') host = value
    else fields += `${name}: ${value}\r\n`
  }
  const length = bodyBytes === undefined ? '' : `content-length: ${bodyBytes}\r\n`
  return `${request.method} ${place.target} HTTP/1.1\r\nhost: ${host}\r\n${fields}${length}\r\n`
}

function unwritableHeader(name: string, reason: string): GatewayError {
  const shown = JSON.stringify(name.slice(0, 60))
  return new GatewayError(
    'internal',
    `The header ${shown} cannot be sent to the upstream: ${reason}. Check the provider's headers and key`,
  )
}
