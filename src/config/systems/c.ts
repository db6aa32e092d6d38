import { z } from 'zod'
import type { Path } from '../place.ts'
import type { Problem } from '../problem.ts'
import { indexesLeft } from '../pruned.ts'
import { configSchema } from '../schema.ts'
import { address, secret, text } from '../schema-fields.ts'
import type { ModelSection } from '../schema-model.ts'
import { type ProviderSection, providerSchema } from '../schema-provider.ts'
import { isTable, type Tree } from '../tree.ts'
import { type Check, type Translated, touches } from './system.ts'

const adapters = ['openai_compat', 'custom_http', 'process'] as const
const MILLISECONDS = 1000

/** The settings of an adapter are those of our own provider sections. */
const { headers, dialect, path, auth, auth_header, command, cwd, env, input, output } = providerSchema.shape
const { max_output_bytes, concurrency } = providerSchema.shape

const entrySchema = z.strictObject({
  id: text('Name clients use.'),
  adapter: z.enum(adapters).describe('How the model is reached.'),
  base_url: address('Address of the API.').optional(),
  api_key: secret('Key for the API.').optional(),
  enabled: z.boolean().default(true).describe('false: the entry is not served.'),
  model: text('The upstream’s own name. Default: `id`.').optional(),
  temperature: z.number().min(0).max(2).optional().describe('Temperature of requests that name none.'),
  max_tokens: z.int().min(1).max(100_000_000).optional().describe('Output bound of requests that name none.'),
  timeout: z.number().min(0.001).max(86_400).optional().describe('Time for the whole call, in seconds.'),
  ...{ headers, dialect, path, auth, auth_header, command, cwd, env, input, output },
  ...{ max_output_bytes, concurrency },
})

type Entry = z.output<typeof entrySchema>

/** System C's file (product.md §4, §12). */
export const systemCSchema = z.strictObject({
  $schema: z.string().optional(),
  models: z.array(entrySchema),
})

type SystemC = z.output<typeof systemCSchema>

/** Only system C gives its models as a list. */
export function isSystemC(tree: Tree): boolean {
  return isTable(tree) && Array.isArray(tree['models'])
}

/**
 * Secrets of entries that are switched off are not looked up: their variables need not exist. The entries stay
 * in their places, so that positions stay right.
 */
export function withoutDisabledReferences(tree: Tree): Tree {
  if (!isTable(tree) || !Array.isArray(tree['models'])) return tree
  for (const entry of tree['models']) {
    if (!isTable(entry) || entry['enabled'] !== false) continue
    for (const key of ['api_key', 'base_url', 'headers'] as const) delete entry[key]
  }
  return tree
}

const http = ['base_url', 'api_key', 'headers', 'dialect'] as const
const customHttp = ['path', 'auth', 'auth_header'] as const
const local = ['command', 'cwd', 'env', 'input', 'output', 'max_output_bytes', 'concurrency'] as const

const membersOf: Readonly<Record<Entry['adapter'], readonly (keyof Entry)[]>> = {
  openai_compat: http,
  custom_http: [...http, ...customHttp],
  process: local,
}
const needs: Readonly<Record<Entry['adapter'], keyof Entry>> = {
  openai_compat: 'base_url',
  custom_http: 'base_url',
  process: 'command',
}

/** What the adapter must have, what it cannot use, and that no name is given twice. */
export const checkC: Check<SystemC> = (file, reporter, removed) => {
  const indexes = indexesLeft(removed, ['models'], file.models.length)
  const problems: Problem[] = []
  const seen = new Set<string>()
  file.models.forEach((entry, at) => {
    const path: Path = ['models', indexes[at] ?? at]
    if (!touches(removed, [...path, 'id'])) {
      if (seen.has(entry.id))
        problems.push(reporter.problem([...path, 'id'], 'a name that no other entry has'))
      seen.add(entry.id)
    }
    const needed = needs[entry.adapter]
    if (entry.enabled && entry[needed] === undefined && !touches(removed, [...path, needed]))
      problems.push(reporter.problem([...path, needed], `${needed} for the adapter "${entry.adapter}"`))
    for (const key of [...http, ...customHttp, ...local])
      if (entry[key] !== undefined && !membersOf[entry.adapter].includes(key))
        problems.push(
          reporter.problem([...path, key], `no ${key} for the adapter "${entry.adapter}"`, {
            part: 'key',
            value: false,
          }),
        )
  })
  return problems
}

/** System C in our terms: a provider and a model for each entry that is switched on. */
export function translateC(file: SystemC, removed: readonly Path[]): Translated {
  const defaults = configSchema.parse({})
  const served = file.models.filter((entry) => entry.enabled)
  const config = {
    ...defaults,
    auth: { mode: 'open' as const },
    providers: Object.fromEntries(served.map((entry) => [providerName(entry), providerOf(entry)])),
    models: Object.fromEntries(served.map((entry) => [entry.id, modelOf(entry)])),
    model_list: { ...defaults.model_list, passthrough: false },
  }
  const indexes = indexesLeft(removed, ['models'], file.models.length)
  const placeOf = ([section, name, ...rest]: Path): Path => {
    const at = file.models.findIndex((entry) => name === entry.id || name === providerName(entry))
    return at === -1 ? [] : ['models', indexes[at] ?? at, ...(section === 'providers' ? rest : [])]
  }
  return { config, fillsFromEnvironment: false, placeOf }
}

/** Stable when other entries come and go, because health and metrics are kept by it. */
function providerName(entry: Entry): string {
  return `${entry.adapter}:${entry.id}`
}

function providerOf(entry: Entry): ProviderSection {
  const { id, adapter, enabled, model, temperature, max_tokens, timeout, ...settings } = entry
  const isLocal = adapter === 'process'
  return {
    ...settings,
    type: adapter,
    ...(isLocal && timeout !== undefined ? { timeout_ms: Math.ceil(timeout * MILLISECONDS) } : {}),
  }
}

function modelOf(entry: Entry): ModelSection {
  const { temperature, max_tokens, timeout } = entry
  return {
    owned_by: entry.adapter,
    created: 0,
    primary: {
      provider: providerName(entry),
      provider_model_id: entry.model ?? entry.id,
      ...(timeout === undefined ? {} : { timeouts_ms: Math.ceil(timeout * MILLISECONDS) }),
    },
    defaults: { temperature, max_tokens },
  }
}
