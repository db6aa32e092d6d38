import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Send } from '../request.ts'
import { GrpcTransport } from './grpc.ts'
import { HttpTransport } from './http.ts'
import type { OtlpEndpoint, OtlpTransport } from './port.ts'

/** Telemetry is text with many repetitions: the lightest work takes most of it away. */
const LEVEL = 1
/** Below this a compressed message is hardly shorter. */
const MINIMUM_BYTES = 1_024

const compress = promisify(gzip)

/** The way to one collector. `send` carries OTLP over HTTP; gRPC has connections of its own. */
export function createOtlpTransport(endpoint: OtlpEndpoint, send: Send): OtlpTransport {
  const transport =
    endpoint.protocol === 'grpc' ? new GrpcTransport(endpoint) : new HttpTransport(endpoint, send)
  return {
    address: transport.address,
    async export(signal, message, abort) {
      const shorten = endpoint.compression === 'gzip' && message.length >= MINIMUM_BYTES
      const body = shorten ? await compress(message, { level: LEVEL }) : message
      return transport.export(signal, body, shorten, abort)
    },
    close: () => transport.close(),
  }
}
