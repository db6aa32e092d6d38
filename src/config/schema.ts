import { z } from 'zod'
import {
  documentPolicies,
  efforts,
  milliseconds,
  modelNames,
  named,
  providerNames,
  text,
  tokenCounts,
} from './schema-fields.ts'
import { circuitSchema, modelSchema } from './schema-model.ts'
import { observabilitySchema } from './schema-observability.ts'
import { providerSchema } from './schema-provider.ts'
import {
  databaseSchema,
  idempotencySchema,
  pricesSchema,
  redisSchema,
  tenantsSchema,
  usageSchema,
} from './schema-tenancy.ts'

const MEBIBYTE = 1024 * 1024

const serverSchema = z.strictObject({
  host: text(
    'Address to listen on. The default is reached from this machine only; `0.0.0.0` from everywhere.',
  ).default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(8080).describe('Port to listen on; 0 takes a free one.'),
  workers: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .describe(
      'Processes that share the port (`--workers`). More than one need Redis for what they share: limits, idempotency, rests of routes.',
    ),
  drain_seconds: z
    .int()
    .min(0)
    .max(86_400)
    .default(30)
    .describe('How long open streams may go on after the order to stop.'),
  drain_notice_seconds: z
    .int()
    .min(0)
    .max(3_600)
    .default(0)
    .describe(
      'How long new calls are still taken after the order to stop, while `/readyz` already says no: as long as a load balancer takes to notice. `drain_seconds` begin after it.',
    ),
  keep_alive_ms: z
    .int()
    .min(1000)
    .max(600_000)
    .default(15_000)
    .describe(
      'A stream that has been silent this long (milliseconds) gets a sign of life, so that clients and proxies do not give up.',
    ),
  cors: z
    .strictObject({
      origins: z
        .array(z.string().regex(/^(\*|https?:\/\/[^/\s?#@]+)$/))
        .optional()
        .meta({
          description:
            'Origins whose pages may call the gateway (`https://chat.example.org`), or `*` for all; an empty list for none. Default: every page where keys are asked for, in open mode only pages of this machine.',
          'x-expected': 'a list of origins such as "https://chat.example.org", or "*"',
        }),
    })
    .prefault({})
    .describe('Calls from web pages of other origins.'),
})

const authSchema = z.strictObject({
  mode: z
    .enum(['keys', 'open'])
    .optional()
    .describe(
      '`keys`: every call needs a key of this gateway. `open`: none is asked for; meant for one’s own machine. Default: `keys`, but on a loopback address only from the first key on that is made.',
    ),
})

const limitsSchema = z.strictObject({
  max_body_bytes: z
    .int()
    .min(1024)
    .max(1024 * MEBIBYTE)
    .default(32 * MEBIBYTE)
    .describe('Largest request body, in bytes; a larger one is refused with 413.'),
  max_messages: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('Greatest number of messages in a request. Default: no limit.'),
  max_tokens: z
    .int()
    .min(1)
    .max(100_000_000)
    .optional()
    .describe('Greatest `max_tokens` a request may ask for. Default: no limit.'),
  content_types: z
    .array(z.string().regex(/^[\w.+-]+\/[\w.+-]+$/))
    .min(1)
    .default(['application/json'])
    .meta({
      description: 'Content types a request body may have; others are refused with 415.',
      'x-expected': 'a list of content types such as "application/json"',
    }),
  max_inflight: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe(
      'Calls that may be open at the same time; further ones wait in the queue, if there is one, or are refused with 503. Each of several workers counts its own. Default: no limit.',
    ),
  queue: z
    .strictObject({
      size: z
        .int()
        .min(0)
        .max(1_000_000)
        .default(0)
        .describe('Calls that may wait for a place when `max_inflight` are open. Default: none.'),
      wait_ms: milliseconds('Longest wait for a place; then the call is refused with 503.').default(2_000),
    })
    .prefault({})
    .describe(
      'Where calls wait when `max_inflight` are open. Tenants take turns, so that one with many calls does not keep the others waiting.',
    ),
  max_delay_ms: z
    .int()
    .min(0)
    .max(60_000)
    .default(3_000)
    .describe(
      'When the process is so busy that its work is this late (milliseconds), new calls are refused with 503 until it has caught up; health and administration are answered. 0: never.',
    ),
})

const timeoutsSchema = z.strictObject({
  connect_ms: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(10_000)
    .describe('Time for reaching an upstream (TCP and TLS).'),
  first_byte_ms: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(600_000)
    .describe(
      'Time from the sent request to the first byte of the answer. Reasoning models are silent for minutes; the vendors’ SDKs wait ten.',
    ),
  idle_ms: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(300_000)
    .describe(
      'Longest silence between two reads of a stream that has begun. A model may think between two words.',
    ),
  total_ms: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(3_600_000)
    .describe('Time for the whole call, stream included: 64,000 tokens at 20 a second take 53 minutes.'),
})

const retrySchema = z.strictObject({
  max_retries: z
    .int()
    .min(0)
    .max(20)
    .default(3)
    .describe(
      'Further attempts after a failure that may pass (429, 500, 502, 503, 504, 529, no connection).',
    ),
  backoff_ms: z
    .int()
    .min(0)
    .max(600_000)
    .default(500)
    .describe(
      'Longest wait before the first further attempt, in milliseconds; doubled each time. The wait itself is drawn at random below it.',
    ),
  max_attempts: z
    .int()
    .min(1)
    .max(100)
    .default(10)
    .describe('Attempts one request may cause in all, over all routes and credentials.'),
  max_retry_after_ms: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(10_000)
    .describe(
      'Longest wait that is sat out when an upstream asks for one (`retry-after`); for a longer one the next route is tried.',
    ),
  budget: z
    .number()
    .min(0)
    .max(10)
    .default(0.1)
    .describe(
      'Further attempts on the same route as a share of its first ones, so that a dead upstream is not flooded. A hundred in reserve, and one a second, are always allowed.',
    ),
  deadline_ms: milliseconds(
    'Time a call may take up to its first content, over all its attempts; a client may ask for less with the header `x-xjp-timeout-ms`. Default: no limit but `timeouts`.',
  ).optional(),
  retry_after_sent: z
    .boolean()
    .default(false)
    .describe(
      'true: a request whose connection broke after it was sent, before an answer came, is sent again to the same upstream, which may have worked on it already and charge twice.',
    ),
})

const translationSchema = z.strictObject({
  strict: z
    .boolean()
    .default(false)
    .describe(
      'true: a request that cannot be carried to the upstream without loss is refused. false: the loss is named in the header `x-xjp-dropped`.',
    ),
  output_strict: z
    .boolean()
    .default(false)
    .describe(
      'true: an answer with content the client’s protocol has no place for fails. false: that content is left out and reported.',
    ),
  allow_images: z.boolean().default(true).describe('false: requests with images are refused.'),
  document_policy: z
    .enum(documentPolicies)
    .default('passthrough')
    .describe(
      'Documents in requests: `reject` refuses them, `passthrough` sends them to upstreams that read them, `text` sends their text.',
    ),
  thinking_map: named(
    z.enum(efforts),
    tokenCounts,
    'Thinking budget (tokens) → effort, for upstreams that know only efforts: the effort of the largest threshold not above the budget; below the smallest, `low`. Empty: the budget is judged by its share of `max_tokens`.',
  ).default({}),
})

/** Shown in the list of models in place of what the gateway knows. */
export const listedModelSchema = z.strictObject({
  id: text('Name of the model.'),
  type: z.literal('model').optional().describe('Always `model`; may be left out.'),
  display_name: text('Name shown to people.').optional(),
  created_at: z.iso.datetime({ offset: true }).optional().meta({
    description: 'Time in ISO 8601.',
    'x-expected': 'a time such as "2025-01-31T00:00:00Z", in quotes',
  }),
  owned_by: text('Owner shown in the list.').optional(),
})

const namePatterns = z.array(z.string().min(1))

const modelListSchema = z.strictObject({
  allow: namePatterns
    .default([])
    .describe('Models that are served and listed; `*` stands for any characters. Empty: all.'),
  block: namePatterns.default([]).describe('Models that are neither served nor listed, also when allowed.'),
  override: z
    .array(listedModelSchema)
    .nullable()
    .default(null)
    .describe(
      'The whole list as it is shown. It changes what is shown, not what is served. `null`: made by the gateway.',
    ),
  display_names: named(
    text('Name shown to people.'),
    modelNames,
    'Display names by model, also of models that stand nowhere else in the file.',
  ).default({}),
  source: z
    .enum(['configured', 'downstream'])
    .default('configured')
    .describe(
      'Where the list comes from: the models of this file, or the list of the provider in `default_provider`.',
    ),
  default_provider: text(
    'Provider that gets every model that stands nowhere in the file, under the name the client used.',
  ).optional(),
  passthrough: z
    .boolean()
    .optional()
    .describe(
      'Whether `provider/model` names are served for every provider of this file and of the environment. Default: true when the file names no models and no `default_provider`, else false.',
    ),
})

const rateLimitingSchema = z.strictObject({
  default_rpm: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(60)
    .describe('Requests a minute for a key that has no number of its own.'),
  burst_size: z.int().min(1).max(10_000_000).default(10).describe('Requests that may come at once.'),
})

/**
 * The one configuration: types, defaults, documentation, JSON Schema and error messages all come from here.
 * `x-environment` marks texts in which references to the environment are resolved, `writeOnly` secrets.
 */
export const configSchema = z
  .strictObject({
    $schema: z.string().optional().describe('Address of this schema, for editors. Has no other effect.'),
    server: serverSchema.prefault({}).describe('Where the gateway listens and how it stops.'),
    auth: authSchema.prefault({}).describe('Who may call.'),
    limits: limitsSchema.prefault({}).describe('What a request may be.'),
    timeouts: timeoutsSchema.prefault({}).describe('Clocks of calls to upstreams; a route may have its own.'),
    retry: retrySchema.prefault({}).describe('Further attempts; a route may have its own numbers.'),
    circuit: circuitSchema
      .optional()
      .describe('When failing routes are given a rest; a route may have its own numbers.'),
    providers: named(
      providerSchema,
      providerNames,
      'Upstreams by the name used in routes. A provider the gateway knows needs no section when its key is in the environment.',
    ).default({}),
    models: named(
      modelSchema,
      modelNames,
      'Models by the name clients use. `*` in a name stands for any characters: such a model serves every name that fits and is not another model’s; the most exact one wins.',
    ).default({}),
    translation: translationSchema
      .prefault({})
      .describe('How requests and answers are carried between protocols.'),
    model_list: modelListSchema.prefault({}).describe('Which models are served and how they are listed.'),
    rate_limiting: rateLimitingSchema.optional().describe('Requests a minute for keys.'),
    tenants: tenantsSchema.default({}),
    prices: pricesSchema.default({}),
    idempotency: idempotencySchema.prefault({}).describe('Calls with an `Idempotency-Key`.'),
    usage: usageSchema.prefault({}).describe('What is kept of every call.'),
    database: databaseSchema.prefault({}).describe('Where keys and usage are kept.'),
    redis: redisSchema.prefault({}).describe('What replicas share.'),
    observability: observabilitySchema.prefault({}).describe('Logs, traces and metrics.'),
  })
  .meta({ title: 'XiaojinPro Gateway configuration' })

export type Config = z.output<typeof configSchema>
