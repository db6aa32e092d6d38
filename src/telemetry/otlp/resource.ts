import { AttributeWriter } from './attributes.ts'
import { ProtobufWriter } from './protobuf.ts'

/** Who exports: the same for everything of one process. */
export interface Exporting {
  serviceName: string
  version: string
  /** Tells the processes of one service apart. */
  instance: string
  attributes: Readonly<Record<string, string>>
}

/** Fields of a `ResourceSpans` or `ResourceMetrics` and of what is inside; both have the same numbers. */
const RESOURCE = 1
const RESOURCE_ATTRIBUTES = 1
const SCOPED = 2
const SCOPE = 1
const SCOPE_NAME = 1
const SCOPE_VERSION = 2
/** Of an `ExportTraceServiceRequest` and an `ExportMetricsServiceRequest`. */
const RESOURCES = 1

const SCOPE_TITLE = 'xjp-gateway'

/** Puts encoded spans, or metrics, into the one message a collector takes. */
export function envelope({
  serviceName,
  version,
  instance,
  attributes,
}: Exporting): (chunks: readonly Uint8Array[]) => Uint8Array {
  const writer = new ProtobufWriter()
  const described = new AttributeWriter(writer, RESOURCE_ATTRIBUTES)
  const all = {
    'service.version': version,
    'service.instance.id': instance,
    ...attributes,
    'service.name': serviceName,
  }
  for (const [key, value] of Object.entries(all)) described.text(key, value)
  writer.close(RESOURCE, 0)
  const resource = writer.take()
  writer.text(SCOPE_VERSION, version)
  writer.text(SCOPE_NAME, SCOPE_TITLE)
  writer.close(SCOPE, 0)
  const scope = writer.take()
  return (chunks) => {
    for (let index = chunks.length - 1; index >= 0; index -= 1) writer.raw(chunks[index] as Uint8Array)
    writer.raw(scope)
    writer.close(SCOPED, 0)
    writer.raw(resource)
    writer.close(RESOURCES, 0)
    return writer.take()
  }
}
