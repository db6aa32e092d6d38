import { z } from 'zod'
import { address, dialects, environmentText, headerNames, named, secret, text } from './schema-fields.ts'

/** How one provider is reached. Which members apply depends on the type; see `provider-members.ts`. */
export const providerSchema = z.strictObject({
  type: text(
    'Which kind of provider this is (`openai`, `openrouter`, `openai_compat`, `custom_http`, `process` …), read without regard to case. Default: the name of the section.',
  ).optional(),
  base_url: address(
    'Address of the API, as the vendor’s own SDK takes it. Default: `<PROVIDER>_BASE_URL` from the environment, then the vendor’s own address.',
  ).optional(),
  api_key: secret(
    'Key for the upstream. Default: the vendor’s usual variable in the environment, unless this section has another name than its type and a `base_url` of its own: a key is never sent to an address it was not meant for.',
  ).optional(),
  access_token: secret('OAuth access token, for providers that take one in place of a key.').optional(),
  credentials: z
    .array(
      z.strictObject({
        name: text('Name in logs and metrics. Default: its place in the list, from 1.').optional(),
        api_key: secret('Key for the upstream.').optional(),
        access_token: secret('OAuth access token.').optional(),
        service_account_file: environmentText('Path of a Google service account file.').optional(),
        project: environmentText('Cloud project of this credential.').optional(),
        concurrency: z
          .int()
          .min(1)
          .max(1_000_000)
          .optional()
          .describe('Calls that may be open with it at the same time. Default: no limit.'),
      }),
    )
    .min(1)
    .optional()
    .meta({
      description:
        'Several credentials in place of one. Calls are spread over them; one that is refused or told to wait is left alone for a while and the next is taken.',
      'x-expected': 'a list of one or more credentials',
    }),
  service_account_file: environmentText(
    'Path of a Google service account file; its tokens are fetched and renewed by the gateway.',
  ).optional(),
  project: environmentText('Cloud project the models are called in; a route may name another.').optional(),
  region: environmentText('Cloud region the models are called in; a route may name another.').optional(),
  api_version: environmentText('Version of the API, for vendors that want one in the address.').optional(),
  dialect: z
    .enum(dialects)
    .optional()
    .describe('Protocol to speak, for providers that know several. Default: the provider’s own choice.'),
  headers: named(
    secret('Value of the header.'),
    headerNames,
    'Further headers of every request to this provider. Values may refer to the environment and are never shown.',
  ).optional(),
  path: z
    .string()
    .regex(/^\/(?!\/)[^#\\\s]*$/)
    .optional()
    .meta({
      description:
        'Path of the API below `base_url`, for `custom_http`; `{model}` stands for the upstream’s model name, `{method}` for the method names of `generate-content`. Default: the usual path of the dialect.',
      'x-expected': 'a path that begins with one "/" and has no "#", "\\" or blanks',
    }),
  auth: z
    .enum(['bearer', 'header', 'none'])
    .optional()
    .describe(
      'How `custom_http` sends its key: `Authorization: Bearer`, in the header named by `auth_header`, or not at all. Default: `header` when `auth_header` is given, else `bearer`.',
    ),
  auth_header: z.string().regex(new RegExp(headerNames.pattern)).optional().meta({
    description: 'Header that carries the key (`auth = "header"`).',
    'x-expected': headerNames.expected,
  }),
  command: z.array(z.string()).min(1).optional().meta({
    description:
      'Program and arguments of a `process` provider; no shell reads them. `{model}`, `{max_tokens}` and `{temperature}` are replaced in each argument.',
    'x-expected': 'a list of texts: the program and its arguments',
  }),
  cwd: text('Working directory of the process. Default: the gateway’s own.').optional(),
  env: z
    .array(z.string().regex(/^[A-Za-z_]\w*$/))
    .optional()
    .meta({
      description:
        'Names of environment variables the process may see besides `PATH`, `HOME` and `LANG`. Everything else, provider keys above all, is kept from it.',
      'x-expected': 'a list of names of environment variables',
    }),
  input: z
    .enum(['prompt', 'messages-json'])
    .optional()
    .describe(
      'What the process reads on its standard input: the conversation as text, or as JSON. Default: `prompt`.',
    ),
  output: z
    .enum(['text', 'jsonl'])
    .optional()
    .describe('What the process prints: plain text, or one JSON value a line. Default: `text`.'),
  timeout_ms: z
    .int()
    .min(1)
    .max(86_400_000)
    .optional()
    .describe('The process is ended after this time (milliseconds). Default: 300000.'),
  max_output_bytes: z
    .int()
    .min(1)
    .max(1_073_741_824)
    .optional()
    .describe('The process is ended when it has printed more than this. Default: 16777216.'),
  concurrency: z
    .int()
    .min(1)
    .max(1024)
    .optional()
    .describe('Processes that may run at the same time; further calls wait. Default: 4.'),
})

export type ProviderSection = z.output<typeof providerSchema>
