import { z } from 'zod'
import { capabilitiesSchema } from './schema-capabilities.ts'
import { milliseconds, text } from './schema-fields.ts'

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

export const circuitSchema = z.strictObject({
  failure_threshold: z
    .int()
    .min(1)
    .max(10_000)
    .default(5)
    .describe('Failures in a row after which the route is no longer called.'),
  open_ms: milliseconds('How long the route is left alone before it is tried again.').default(30_000),
  success_threshold: z
    .int()
    .min(1)
    .max(10_000)
    .default(2)
    .describe('Successes in a row after which the route counts as healthy again.'),
})

export const routeSchema = z.strictObject({
  provider: text(
    'Name of a section under `providers`, or of a provider the gateway knows; read without regard to case.',
  ),
  provider_model_id: text('The upstream’s own name of the model.'),
  region: text('Cloud region for this route.').optional(),
  project: text('Cloud project for this route.').optional(),
  weight: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('Share of the calls in relation to the other routes of the model.'),
  timeouts_ms: milliseconds(
    'Time for the whole call in milliseconds: short for `timeouts.total_ms`.',
  ).optional(),
  timeouts: timeoutsSchema
    .optional()
    .describe('Separate clocks for this route. Default: `timeouts` of the file.'),
  retry: retrySchema.optional().describe('Further attempts on this route. Default: `retry` of the file.'),
  circuit: circuitSchema.optional().describe('When this route is given a rest.'),
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
  capabilities: capabilitiesSchema
    .optional()
    .describe('Corrections to what the gateway knows about the model, for all its routes.'),
})

export type ModelSection = z.output<typeof modelSchema>
