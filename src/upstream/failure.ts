import { GatewayError } from '../protocol/model/error.ts'

/** The runtime's name for what went wrong on a connection; empty when it has none. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
}

/** Failures where no request can have reached the upstream: another attempt repeats nothing. */
const beforeSending = new Set([
  'ConnectionRefused',
  'ECONNREFUSED',
  'FailedToOpenSocket',
  'ENOTFOUND',
  'EAI_AGAIN',
  'DNSLookupFailed',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EPROTO',
])
/** What a certificate that is not accepted is called. */
const certificate = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|ERR_TLS_)/

/** Answers that are not HTTP, by the names the runtime gives them. */
const notHttp = new Set([
  'Malformed_HTTP_Response',
  'InvalidHTTPResponse',
  'ResponseHeadersTooLarge',
  'InvalidContentLength',
  'InvalidStatusCode',
  'UnrequestedUpgrade',
  'UnsupportedTransferEncoding',
])

export function clientClosed(cause: unknown): GatewayError {
  return new GatewayError('client_closed', 'The client closed the connection', { cause })
}

/** The error for a request that ended before an answer began. */
export function failureBeforeAnswer(thrown: unknown, host: string): GatewayError {
  const code = codeOf(thrown)
  if (beforeSending.has(code) || certificate.test(code))
    return new GatewayError('upstream_failed', `No connection to ${host} could be made (${code})`, {
      code: 'connection_failed',
      cause: thrown,
    })
  if (notHttp.has(code))
    return new GatewayError(
      'upstream_invalid',
      `${host} answered with something that is not HTTP (${code})`,
      {
        code: 'upstream_not_http',
        cause: thrown,
      },
    )
  // No code: the runtime refused the request itself, for example a header value with a line break.
  if (code === '' || code.startsWith('ERR_INVALID_'))
    return new GatewayError(
      'internal',
      `The request to ${host} could not be written: check the provider's base URL, key and headers`,
      { cause: thrown },
    )
  return new GatewayError(
    'upstream_failed',
    `The connection to ${host} was lost before an answer came (${code})`,
    { code: 'connection_lost', cause: thrown },
  )
}

/** The error for an answer that broke off. */
export function failureInAnswer(thrown: unknown): GatewayError {
  return new GatewayError(
    'upstream_failed',
    'The upstream broke the connection in the middle of its answer',
    { code: 'upstream_ended_early', cause: thrown },
  )
}
