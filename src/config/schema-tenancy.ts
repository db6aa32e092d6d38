import { z } from 'zod'
import { environmentText, modelNames, named, storeAddress, text } from './schema-fields.ts'

const count = (description: string): z.ZodOptional<z.ZodInt> =>
  z.int().min(1).max(1_000_000_000_000).optional().describe(description)

const DOLLARS = /^(0|[1-9]\d{0,8})(\.\d{1,6})?$/

/** An amount of US dollars: exact, so a text or a number with at most six decimal places. */
const dollars = (description: string) =>
  z
    .union([z.string(), z.number()])
    .refine((value) => DOLLARS.test(String(value)))
    .transform(String)
    .meta({
      description,
      'x-expected': 'an amount of US dollars with at most six decimal places, such as 12.5',
    })

export const tenantSchema = z.strictObject({
  description: text('For people.').optional(),
  rpm: count(
    'Requests a minute of all keys of the tenant together; also what a key without a number of its own gets.',
  ),
  burst_size: count('Requests of the tenant that may come at once. Default: as many as the minute allows.'),
  rpd: count('Requests in any 24 hours, all keys together.'),
  tpm: count('Tokens a minute, prompt and answer, all keys together.'),
  quota_tokens_daily: count('Tokens in any 24 hours, all keys together.'),
  concurrency: count('Calls open at the same time, all keys together.'),
  budget_daily: dollars('US dollars a calendar day (UTC), all keys together.').optional(),
  budget_weekly: dollars('US dollars a week from Monday (UTC), all keys together.').optional(),
  budget_monthly: dollars('US dollars a calendar month (UTC), all keys together.').optional(),
})

const rates = {
  input: dollars('US dollars for a million prompt tokens.').optional(),
  output: dollars('US dollars for a million answer tokens, thinking included.').optional(),
  cached_input: dollars('For a million prompt tokens read from a cache. Default: as `input`.').optional(),
  cache_write: dollars('For a million prompt tokens written to a cache. Default: as `input`.').optional(),
  cache_write_1h: dollars(
    'For a million prompt tokens written to a cache for an hour. Default: as `cache_write`.',
  ).optional(),
  reasoning: dollars('For a million thinking tokens. Default: as `output`.').optional(),
  input_audio: dollars('For a million audio tokens of the prompt. Default: as `input`.').optional(),
  output_audio: dollars('For a million audio tokens of the answer. Default: as `output`.').optional(),
}

export const priceSchema = z.strictObject({
  ...rates,
  image: dollars('For an image of the prompt.').optional(),
  request: dollars('For a request.').optional(),
  web_search: dollars('For a search that the provider ran.').optional(),
  tiers: z
    .array(
      z.strictObject({
        above_input_tokens: z
          .int()
          .min(1)
          .max(100_000_000)
          .describe('Prompts with more tokens than this are charged at these prices, as a whole.'),
        ...rates,
      }),
    )
    .optional()
    .describe('Other prices for long prompts.'),
})

export const idempotencySchema = z.strictObject({
  ttl_seconds: z
    .int()
    .min(1)
    .max(30 * 86_400)
    .default(86_400)
    .describe('How long an answer is kept for its `Idempotency-Key`.'),
  replay_streams: z
    .boolean()
    .default(false)
    .describe(
      'true: streams are recorded and replayed as streams. false: a stream with an `Idempotency-Key` is refused with 409.',
    ),
  max_answer_bytes: z
    .int()
    .min(1024)
    .max(64 * 1024 * 1024)
    .default(1024 * 1024)
    .describe('Largest answer that is kept; a greater one cannot be replayed (422 `not_replayable`).'),
})

export const usageSchema = z.strictObject({
  on_disconnect: z
    .enum(['cancel', 'drain'])
    .default('cancel')
    .describe(
      'When a client leaves: `cancel` closes the upstream at once and accounts for what was reported, else counted; `drain` reads on, to account for what the vendor bills.',
    ),
  drain_seconds: z
    .int()
    .min(1)
    .max(3_600)
    .default(60)
    .describe('How long `drain` reads on after the client left.'),
  retention_days: z
    .int()
    .min(1)
    .max(3_650)
    .default(90)
    .describe('How long single rows are kept; the daily sums stay.'),
  journal_max_bytes: z
    .int()
    .min(1024 * 1024)
    .max(1024 * 1024 * 1024 * 1024)
    .default(1024 * 1024 * 1024)
    .describe(
      'How much usage may wait in the journal while the database cannot be reached; beyond it calls are refused with 503.',
    ),
})

export const databaseSchema = z.strictObject({
  url: storeAddress(
    'database',
    'Address of a PostgreSQL database (`postgres://…`). Default: the variable `DATABASE_URL`, else SQLite in the data directory.',
  ).optional(),
  pool_size: z.int().min(1).max(1_000).default(5).describe('Connections to PostgreSQL.'),
  timeout_ms: z
    .int()
    .min(10)
    .max(60_000)
    .default(2_000)
    .describe('Longest wait for a connection and for a statement, in milliseconds.'),
})

const onLoss = (standard: 'local' | 'deny' | 'allow', what: string) =>
  z
    .enum(['local', 'deny', 'allow'])
    .default(standard)
    .describe(
      `${what} while Redis cannot be asked: \`local\` counts in this process, with the limit divided by \`replicas\`; \`deny\` refuses with 503; \`allow\` lets everything pass.`,
    )

export const redisSchema = z.strictObject({
  url: storeAddress(
    'redis',
    'Address of a Redis server (`redis://…`). Default: the variable `REDIS_URL`, else limits are kept in this process.',
  ).optional(),
  prefix: environmentText('Every name in Redis begins with this.').default('xjp:'),
  command_timeout_ms: z
    .int()
    .min(5)
    .max(10_000)
    .default(100)
    .describe('Longest wait for one command, in milliseconds.'),
  replicas: z
    .int()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('How many gateways share the limits; counts only while Redis cannot be asked.'),
  on_loss: z
    .strictObject({
      requests: onLoss('local', 'Limits of requests and of open calls'),
      tokens: onLoss('local', 'Limits of tokens'),
      budgets: onLoss('deny', 'Budgets'),
    })
    .prefault({})
    .describe('What holds while Redis cannot be asked.'),
})

export const tenantNames = {
  pattern: '^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$',
  expected: 'a tenant name of letters, digits and . _ : @ -',
}

export const tenantsSchema = named(
  tenantSchema,
  tenantNames,
  'Limits of tenants by name, and what their keys get that have no numbers of their own.',
)
export const pricesSchema = named(
  priceSchema,
  modelNames,
  'Prices by `provider/model` (the upstream’s own name of the model; `*` stands for any characters). They win over the prices that ship with the gateway.',
)
