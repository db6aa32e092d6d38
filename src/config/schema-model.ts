import { z } from 'zod'
import { capabilitiesSchema } from './schema-capabilities.ts'
import { aliasNames, milliseconds, named, text } from './schema-fields.ts'

export const timeoutsSchema = z.strictObject({
  connect_ms: milliseconds('Time for reaching the upstream (TCP and TLS).').optional(),
  first_byte_ms: milliseconds(
    'Time from the sent request to the first byte of the answer; a reasoning model may think all of it.',
  ).optional(),
  idle_ms: milliseconds('Longest silence between two reads of a stream that has begun.').optional(),
  total_ms: milliseconds('Time for the whole call, stream included.').optional(),
})

export const retrySchema = z.strictObject({
  max_retries: z.int().min(0).max(20).optional().describe('Further attempts after the first one failed.'),
  backoff_ms: z
    .int()
    .min(0)
    .max(600_000)
    .optional()
    .describe('Longest wait before the first further attempt, in milliseconds; doubled each time.'),
})

/** What a circuit may be told, for all routes and for one. */
const circuitShape = {
  enabled: z
    .boolean()
    .describe(
      'Whether a failing route is given a rest. Default: true where `circuit` is said for the route or the file, and for models with several routes; a single route is else never closed off, since nothing could take its place. A circuit that nobody asked for is patient: failures in a row must reach over five seconds, and `minimum_attempts` is 100.',
    ),
  failure_threshold: z
    .int()
    .min(1)
    .max(10_000)
    .describe('Failures in a row after which the route is no longer called.'),
  failure_rate: z
    .number()
    .min(0.01)
    .max(1)
    .describe('Share of failures within `window_ms` at which the route is no longer called either.'),
  window_ms: milliseconds('Time over which `failure_rate` is measured.'),
  minimum_attempts: z
    .int()
    .min(1)
    .max(1_000_000)
    .describe('Attempts there must be within `window_ms` before `failure_rate` says anything.'),
  open_ms: milliseconds('How long the route is left alone before it is tried again.'),
  probes: z
    .int()
    .min(1)
    .max(1000)
    .describe('Attempts that may be under way at once while the route is being tried again (half open).'),
  success_threshold: z
    .int()
    .min(1)
    .max(10_000)
    .describe('Successes in a row after which the route counts as healthy again.'),
}

/** For the file: what a route does not say. */
export const circuitSchema = z.strictObject({
  enabled: circuitShape.enabled.optional(),
  failure_threshold: circuitShape.failure_threshold.default(5),
  failure_rate: circuitShape.failure_rate.default(0.5),
  window_ms: circuitShape.window_ms.default(30_000),
  minimum_attempts: circuitShape.minimum_attempts.default(20),
  open_ms: circuitShape.open_ms.default(30_000),
  probes: circuitShape.probes.default(1),
  success_threshold: circuitShape.success_threshold.default(2),
})

const routeCircuitSchema = z.strictObject(circuitShape).partial()

/** Who may be sent to a route; everything named must fit. */
const whenSchema = z.strictObject({
  tenants: z.array(z.string().min(1)).min(1).optional().meta({
    description: 'Tenants whose calls may take the route; `*` stands for any characters.',
    'x-expected': 'a list of one or more names',
  }),
  tags: named(
    z.string().min(1),
    { pattern: '^\\S{1,64}$', expected: 'the name of a tag' },
    'Tags of the key and the values they must have; `*` stands for any characters.',
  ).optional(),
  stream: z.boolean().optional().describe('Only streamed calls, or only others.'),
})

export const routeSchema = z.strictObject({
  provider: text(
    'Name of a section under `providers`, or of a provider the gateway knows; read without regard to case.',
  ),
  provider_model_id: text(
    'The upstream’s own name of the model. Where the model’s name has `*`, a `*` here is what stood for it.',
  ),
  region: text('Cloud region for this route.').optional(),
  project: text('Cloud project for this route.').optional(),
  weight: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe(
      'Share of the calls in relation to the other routes of the model (`balance = "weight"`). Default: 1.',
    ),
  when: whenSchema.optional().describe('Who may be sent here. Default: everybody who may use the model.'),
  timeouts_ms: milliseconds(
    'Time for the whole call in milliseconds: short for `timeouts.total_ms`.',
  ).optional(),
  timeouts: timeoutsSchema
    .optional()
    .describe('Separate clocks for this route. Default: `timeouts` of the file.'),
  retry: retrySchema.optional().describe('Further attempts on this route. Default: `retry` of the file.'),
  circuit: routeCircuitSchema
    .optional()
    .describe('When this route is given a rest. Default: `circuit` of the file.'),
  capabilities: capabilitiesSchema
    .optional()
    .describe('Corrections to what the gateway knows about the upstream’s model, for this route.'),
})

export type RouteSection = z.output<typeof routeSchema>

export const modelSchema = z.strictObject({
  display_name: text('Name shown in the list of models.').optional(),
  owned_by: text('Owner shown in the list of models. Default: the provider of the first route.').optional(),
  created: z
    .int()
    .min(0)
    .max(32_503_680_000)
    .optional()
    .describe('Time shown in the list of models, in seconds since 1970.'),
  primary: routeSchema.optional().describe('The route that is taken.'),
  fallback: routeSchema.optional().describe('The route that is taken when the primary one fails.'),
  routes: z.array(routeSchema).min(1).optional().meta({
    description:
      'Any number of routes, in place of `primary` and `fallback`; the first is the preferred one.',
    'x-expected': 'a list of one or more routes',
  }),
  defaults: z
    .strictObject({
      temperature: z.number().min(0).max(2).optional().describe('Temperature of requests that name none.'),
      max_tokens: z
        .int()
        .min(1)
        .max(100_000_000)
        .optional()
        .describe('Output bound, in tokens, of requests that name none.'),
    })
    .optional()
    .describe('Values for what a request leaves out.'),
  aliases: z
    .array(z.string().regex(new RegExp(aliasNames.pattern)).meta({ 'x-expected': aliasNames.expected }))
    .optional()
    .describe(
      'Further names for the model; they are served, not listed. Scopes of keys, lists and usage speak of the model’s own name.',
    ),
  balance: z
    .enum(['order', 'weight', 'latency', 'price'])
    .optional()
    .describe(
      'Which route is tried first: the first of the file, one drawn by `weight`, the one that lately gave its first content soonest, or the cheapest. Default: `weight` when a route has one, or `sticky` is on for a list of `routes`, else `order`.',
    ),
  sticky: z
    .union([z.boolean(), z.enum(['session', 'prefix'])])
    .optional()
    .meta({
      description:
        'Keeps a conversation on one route, so that the provider’s prompt cache is hit: by its session (`x-claude-code-session-id`, `session_id`, `prompt_cache_key`, `metadata.user_id`, `user`), by the beginning of its prompt, or, with `true`, by the session where there is one, else by the beginning. Weights say how conversations are shared out; with `order` and `price` every call has the same first route anyway. Default: false.',
      'x-expected': 'true, false, "session" or "prefix"',
    }),
  hedge: z
    .strictObject({
      after_ms: milliseconds(
        'After this time without content a second attempt goes to the next route; the first content wins and the other is closed. Both may be charged.',
      ),
      budget: z
        .number()
        .min(0)
        .max(1)
        .default(0.05)
        .describe('Share of the model’s calls that may be doubled like this.'),
    })
    .optional()
    .describe('A second attempt when the first is slow. Default: none.'),
  deadline_ms: milliseconds(
    'Time a call may take up to its first content, over all its attempts. Default: `retry.deadline_ms`.',
  ).optional(),
  capabilities: capabilitiesSchema
    .optional()
    .describe('Corrections to what the gateway knows about the model, for all its routes.'),
})

export type ModelSection = z.output<typeof modelSchema>
