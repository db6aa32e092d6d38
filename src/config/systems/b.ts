import { z } from 'zod'
import type { Path } from '../place.ts'
import { type Config, configSchema, listedModelSchema } from '../schema.ts'
import {
  address,
  documentPolicies,
  efforts,
  milliseconds,
  modelNames,
  named,
  secret,
  text,
  tokenCounts,
} from '../schema-fields.ts'
import { observabilityShape } from '../schema-observability.ts'
import { isTable, type Tree } from '../tree.ts'
import type { Translated } from './system.ts'

const MAX_PORT = 65_535
const BIND_ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(\d{1,5})$/

function splitAddress(value: string): { host: string; port: number } | undefined {
  const [, host, port] = BIND_ADDRESS.exec(value) ?? []
  if (host === undefined || Number(port) > MAX_PORT) return undefined
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

const names = z.array(z.string().min(1))

/** System B's file (product.md §4, §12): strict, an unknown key is an error. */
export const systemBSchema = z.strictObject({
  server: z
    .strictObject({
      bind_addr: z
        .string()
        .refine((value) => splitAddress(value) !== undefined)
        .default('127.0.0.1:8080')
        .meta({
          description: 'Address and port to listen on.',
          'x-expected': 'host:port, such as "0.0.0.0:8080"',
        }),
    })
    .prefault({}),
  downstream: z.strictObject({
    base_url: address('Address of the OpenAI-compatible API.'),
    api_key: secret('Key for the API.').optional(),
    connect_timeout_ms: milliseconds('Time for reaching the API.').default(5000),
    read_timeout_ms: milliseconds('Longest wait for the next bytes of an answer.').default(60_000),
    pool_max_idle_per_host: z
      .int()
      .min(0)
      .max(65_536)
      .optional()
      .describe('Idle connections kept. Read for compatibility; the runtime keeps its own pool.'),
  }),
  models: z
    .strictObject({
      model_map: named(text('Name at the API.'), modelNames, 'Public name → name at the API.').default({}),
      display_map: named(text('Name shown to people.'), modelNames, 'Display names by public name.').default(
        {},
      ),
      allowlist: names.default([]).describe('Models that are served; empty: all.'),
      blocklist: names.default([]).describe('Models that are not served.'),
      thinking_map: named(z.enum(efforts), tokenCounts, 'Thinking budget (tokens) → effort.').optional(),
      output_strict: z
        .boolean()
        .default(false)
        .describe('Whether content without a place fails the request.'),
      allow_images: z.boolean().default(true).describe('Whether requests may have images.'),
      document_policy: z.enum(documentPolicies).default('reject').describe('What happens to documents.'),
      models_override: z
        .array(listedModelSchema)
        .nullable()
        .default(null)
        .describe('The whole list of models.'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      max_inflight: z
        .int()
        .min(1)
        .max(1_000_000)
        .optional()
        .describe('Calls that may be open at the same time.'),
    })
    .prefault({}),
  observability: z.strictObject(observabilityShape).partial({ service_name: true }).prefault({}),
})

/** Keys that only system B's file has. */
export function isSystemB(tree: Tree): boolean {
  if (!isTable(tree)) return false
  if ('downstream' in tree) return true
  const { server, models } = tree
  const own = ['model_map', 'display_map', 'allowlist', 'blocklist', 'models_override']
  return (
    (isTable(server) && 'bind_addr' in server) || (isTable(models) && own.some((key) => isText(models[key])))
  )
}

/** A model of our own files may have any name, but it is a section with routes. */
function isText(value: Tree | undefined): boolean {
  return value !== undefined && !(isTable(value) && ('primary' in value || 'routes' in value))
}

const PROVIDER = 'downstream'

/** The steps of this system's own example, for a file without a map: its upstreams know only efforts. */
const usualThinkingMap = { '4000': 'medium', '8000': 'high' } as const

/** System B in our terms: one OpenAI-compatible provider that also gets every name the map does not know. */
export function translateB(file: z.output<typeof systemBSchema>): Translated {
  const defaults = configSchema.parse({})
  const { downstream, models, observability } = file
  const { service_name = 'llm-gateway', ...telemetry } = observability
  const config: Config = {
    ...defaults,
    server: { ...defaults.server, ...splitAddress(file.server.bind_addr) },
    auth: { mode: 'open' },
    limits: { ...defaults.limits, ...file.limits },
    timeouts: {
      ...defaults.timeouts,
      connect_ms: downstream.connect_timeout_ms,
      first_byte_ms: downstream.read_timeout_ms,
      idle_ms: downstream.read_timeout_ms,
    },
    providers: {
      [PROVIDER]: { type: 'openai_compat', base_url: downstream.base_url, api_key: downstream.api_key },
    },
    models: Object.fromEntries(
      Object.entries(models.model_map).map(([name, id]) => [
        name,
        { primary: { provider: PROVIDER, provider_model_id: id } },
      ]),
    ),
    translation: {
      strict: false,
      output_strict: models.output_strict,
      allow_images: models.allow_images,
      document_policy: models.document_policy,
      thinking_map: models.thinking_map ?? usualThinkingMap,
    },
    model_list: {
      allow: models.allowlist,
      block: models.blocklist,
      override: models.models_override,
      display_names: models.display_map,
      source: 'downstream',
      default_provider: PROVIDER,
      passthrough: false,
    },
    observability: { ...defaults.observability, ...telemetry, service_name },
  }
  const placeOf = (path: Path): Path =>
    path[0] === 'providers'
      ? ['downstream', ...path.slice(2)]
      : path[0] === 'models'
        ? ['models', 'model_map']
        : []
  return { config, fillsFromEnvironment: false, placeOf }
}
