import { z } from 'zod'
import { address, milliseconds, secret, text } from './schema-fields.ts'

export const exporters = ['otlp_grpc', 'langfuse_http'] as const

/** The same in our own files and in those of system B (product.md §4). */
export const observabilityShape = {
  service_name: text(
    'Name of the service in traces and metrics. Default: `OTEL_SERVICE_NAME`, then `xjp-gateway`.',
  ),
  dump_downstream: z
    .boolean()
    .default(false)
    .describe(
      'Whether traces carry what was sent to the upstream and what it answered. Content becomes visible.',
    ),
  logging: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info')
        .describe('The least important lines that are written.'),
      format: z
        .enum(['text', 'json'])
        .default('json')
        .describe('Form of a line: for people or for machines.'),
      stdout: z.boolean().default(true).describe('Whether lines go to the standard output.'),
      file: z
        .string()
        .min(1)
        .nullable()
        .default(null)
        .describe('File that lines are appended to; its folder is made.'),
    })
    .prefault({})
    .describe('The log.'),
  otlp_grpc: z
    .strictObject({
      endpoint: address(
        'Address of the collector (OTLP over gRPC). Default: `OTEL_EXPORTER_OTLP_ENDPOINT`.',
      ).optional(),
      timeout_ms: milliseconds('Time for one export.').default(3000),
    })
    .prefault({})
    .describe('Exporter `otlp_grpc`.'),
  otlp_http: z
    .strictObject({
      base_url: address('Address of the collector (OTLP over HTTP).').optional(),
      public_key: secret('Public key: the user of the Basic authentication.').optional(),
      secret_key: secret('Secret key: the password of the Basic authentication.').optional(),
      timeout_ms: milliseconds('Time for one export.').default(5000),
    })
    .prefault({})
    .describe('Exporter `langfuse_http`: OTLP over HTTP with Basic authentication.'),
  exporters: z
    .strictObject({
      tracing: z.enum(exporters).nullable().default(null).describe('Where traces go; `null`: nowhere.'),
      metrics: z.enum(exporters).nullable().default(null).describe('Where metrics go; `null`: nowhere.'),
    })
    .prefault({})
    .describe('Which exporters run. One that fails never stops the gateway.'),
}

export const observabilitySchema = z.strictObject({
  ...observabilityShape,
  service_name: observabilityShape.service_name.default('xjp-gateway'),
  trace_body_max_bytes: z
    .int()
    .min(0)
    .max(16_777_216)
    .default(32_768)
    .describe(
      'Longest body kept in a trace, in bytes; the rest is cut. Default: `TRACE_BODY_MAX_BYTES`, then 32768.',
    ),
})
