import { pairsOf } from '../../config/pairs.ts'
import type { Snapshot } from '../../config/snapshot.ts'
import type { OtlpSignal, OtlpTransport } from '../../upstream/otlp/port.ts'
import { createOtlpTransport } from '../../upstream/otlp/transport.ts'
import type { Send } from '../../upstream/request.ts'
import type { Logger } from '../log.ts'
import type { Redactor } from '../redact.ts'
import { type ExporterName, endpointOf } from './destination.ts'
import { envelope } from './resource.ts'
import { Trouble } from './trouble.ts'

type Observability = Snapshot['observability']

/** What everything that is exported shares. */
export interface ExportParts {
  send: Send
  log: Pick<Logger, 'warn' | 'info' | 'error'>
  redactor: Redactor
  monotonic(): number
  /** Of the gateway. */
  version: string
  /** Tells this process from others of the same service. */
  instance: string
}

/** The way of one signal to the collector of one configuration. */
export interface WayOut {
  /** The same for configurations that lead to the same place and say the same of us. */
  readonly key: string
  open(): { transport: OtlpTransport; trouble: Trouble; message(chunks: readonly Uint8Array[]): Uint8Array }
}

/** Undefined when nothing is to be exported, or nothing can be; the log is told of the latter. */
export function wayOutOf(
  signal: OtlpSignal,
  exporter: ExporterName | null,
  settings: Observability,
  { send, log, redactor, monotonic, version, instance }: ExportParts,
): WayOut | undefined {
  if (exporter === null) return undefined
  const endpoint = endpointOf(exporter, settings)
  if (typeof endpoint === 'string') {
    log.warn(`${signal} are not exported`, { exporter, reason: endpoint })
    return undefined
  }
  for (const value of Object.values(endpoint.headers)) redactor.learn(value)
  const { serviceName, resourceAttributes = '' } = settings
  const attributes = pairsOf(resourceAttributes) ?? {}
  return {
    key: JSON.stringify([exporter, endpoint, serviceName, attributes]),
    open() {
      const transport = createOtlpTransport(endpoint, send)
      const trouble = new Trouble(signal, { exporter, address: transport.address }, log, monotonic)
      return { transport, trouble, message: envelope({ serviceName, version, instance, attributes }) }
    },
  }
}
