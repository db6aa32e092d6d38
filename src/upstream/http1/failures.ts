import { GatewayError } from '../../protocol/model/error.ts'
import { codeOf } from '../failure.ts'

/** An answer whose head does not follow HTTP/1.1. `found` is what stands there: `no status line`. */
export function notHttp(found: string): GatewayError {
  return new GatewayError('upstream_invalid', `The upstream's answer is not HTTP: it has ${found}`, {
    code: 'upstream_not_http',
  })
}

/** A connection that failed, by the system's name for the reason. */
export class ConnectionError extends Error {
  readonly code: string

  constructor(code: string) {
    super(code === '' ? 'The connection ended' : `The connection failed: ${code}`)
    this.code = code === '' ? 'ConnectionClosed' : code
  }
}

/** Nothing of the request can have been read: to send it again repeats nothing. */
export function connectionFailed(host: string, cause: Error): GatewayError {
  return new GatewayError('upstream_failed', `No connection to ${host} could be made (${codeOf(cause)})`, {
    code: 'connection_failed',
    cause,
  })
}

/** The request may have been read and worked on. */
export function connectionLost(host: string, cause: Error): GatewayError {
  const message = `The connection to ${host} was lost before an answer came (${codeOf(cause)})`
  return new GatewayError('upstream_failed', message, { code: 'connection_lost', cause })
}

/** The reader itself left. */
export function givenUp(): GatewayError {
  return new GatewayError('client_closed', 'The answer was given up before its end')
}
