import { z } from 'zod'
import { PAIRS, pairsOf } from './pairs.ts'
import { address, milliseconds, secret, text } from './schema-fields.ts'

export const exporters = ['otlp_grpc', 'langfuse_http', 'otlp_http'] as const

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
      max_file_bytes: z
        .int()
        .min(1024)
        .max(1_099_511_627_776)
        .default(104_857_600)
        .describe('A file that would grow beyond this is put aside (`.1`, `.2` …) and a new one begun.'),
      max_files: z.int().min(0).max(1000).default(5).describe('How many files that were put aside are kept.'),
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
    .describe(
      'Exporters `langfuse_http` (OTLP over HTTP with Basic authentication) and `otlp_http` (without keys: none).',
    ),
  exporters: z
    .strictObject({
      tracing: z.enum(exporters).nullable().default(null).describe('Where traces go; `null`: nowhere.'),
      metrics: z.enum(exporters).nullable().default(null).describe('Where metrics go; `null`: nowhere.'),
    })
    .prefault({})
    .describe('Which exporters run. One that fails never stops the gateway.'),
}

/** A collector takes messages of 4 MiB, and a span may hold four bodies. */
export const MAXIMUM_TRACE_BODY = 1_048_576

const arePairs = (value: string): boolean => pairsOf(value) !== undefined

export const observabilitySchema = z.strictObject({
  ...observabilityShape,
  service_name: observabilityShape.service_name.default('xjp-gateway'),
  trace_body_max_bytes: z
    .int()
    .min(0)
    .max(MAXIMUM_TRACE_BODY)
    .default(32_768)
    .describe(
      'Longest body kept in a trace, in bytes; the rest is cut. Default: `TRACE_BODY_MAX_BYTES`, then 32768.',
    ),
  trace_sample_rate: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      'Share of calls that are traced when the client brings no `traceparent`; with one, its own decision holds. Failed calls are always traced.',
    ),
  trace_content: z
    .boolean()
    .optional()
    .describe(
      'Whether traces carry prompts and answers (`input`, `output`). Content becomes visible. Default: false; true for `langfuse_http`, which exists to show it.',
    ),
  resource_attributes: z.string().refine(arePairs).optional().meta({
    description:
      'Further attributes of everything exported, such as `deployment.environment.name=production`. Default: `OTEL_RESOURCE_ATTRIBUTES`.',
    'x-environment': true,
    'x-expected': PAIRS,
  }),
  otlp_headers: z.string().refine(arePairs).optional().meta({
    description:
      'Headers sent with every export, such as `api-key=…`. Default: `OTEL_EXPORTER_OTLP_HEADERS`.',
    writeOnly: true,
    'x-environment': true,
    'x-expected': PAIRS,
  }),
  otlp_compression: z
    .enum(['none', 'gzip'])
    .default('none')
    .describe(
      'Whether what is exported is compressed on its way. Default: `OTEL_EXPORTER_OTLP_COMPRESSION`, then `none`.',
    ),
  metrics: z.boolean().default(true).describe('Whether metrics are kept and shown at `/metrics`.'),
  access: z
    .enum(['local', 'public', 'administrator'])
    .default('local')
    .describe(
      'Who may read `/metrics` and `/status`: callers on this machine and administrators, everybody, or administrators alone (`Authorization: Bearer` with the administrator’s token).',
    ),
  samples: z
    .strictObject({
      enabled: z
        .boolean()
        .default(false)
        .describe('Whether prompts and answers of some calls are kept in a file. Content becomes visible.'),
      rate: z.number().min(0).max(1).default(0.01).describe('Share of calls that are kept.'),
      tenants: z
        .array(z.string().min(1))
        .default([])
        .describe('Tenants whose calls are kept; `*` stands for any characters. Empty: none.'),
      retention_days: z
        .int()
        .min(1)
        .max(3650)
        .default(7)
        .describe('Days after which what was kept is deleted.'),
    })
    .prefault({})
    .describe(
      'Samples of prompts and answers, in the folder `samples` of the data directory. Off by default.',
    ),
})
