import type { Capabilities } from '../protocol/model/capabilities.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import { claude } from './capabilities/claude.ts'
import { dialectDefaults } from './capabilities/dialects.ts'
import { gemini, gemma } from './capabilities/gemini.ts'
import { hosts } from './capabilities/hosts.ts'
import { canonicalModel } from './capabilities/model-name.ts'
import {
  deepseek,
  grok,
  llama,
  minimax,
  mistral,
  moonshot,
  qwen,
  sonar,
  zhipu,
} from './capabilities/open-models.ts'
import { gptOss, openai } from './capabilities/openai.ts'
import type { Facts, FamilyRow } from './capabilities/row.ts'

/** The first family whose pattern matches is the model's; a model of no family has its host's facts alone. */
const families = [
  claude,
  gemini,
  gemma,
  gptOss,
  openai,
  deepseek,
  moonshot,
  qwen,
  zhipu,
  grok,
  mistral,
  llama,
  minimax,
  sonar,
] as const

function familyRow(model: string): FamilyRow | undefined {
  const name = canonicalModel(model)
  const family = families.find((candidate) => candidate.models.test(name))
  return family?.rows.find((row) => row.models.test(name))
}

/** From the general to the particular; each layer stands over the ones before it. */
function layers(providerId: string, dialect: DialectName, model: string): (Facts | undefined)[] {
  const host = hosts[providerId]
  const row = familyRow(model)
  return [
    dialectDefaults[dialect],
    host?.defaults,
    host?.in?.[dialect],
    row?.facts,
    row?.in?.[dialect],
    row?.at?.[providerId],
    host?.always,
    host?.alwaysIn?.[dialect],
  ]
}

/** Names can come from clients (`provider/model`), so the cache has a bound. */
const maximumCached = 5_000
/** So has each of them: a name may be as long as a body. */
const maximumKey = 512
const cache = new Map<string, Capabilities>()

/**
 * What `model` at a provider takes and gives in a dialect (protocol.md §6): dialect default, provider, family of
 * models, provider again where it decides for all its models, then the configuration's `override`. A model that
 * is not known has the newest profile of its family.
 */
export function capabilitiesOf(
  providerId: string,
  dialect: DialectName,
  model: string,
  override?: Partial<Capabilities>,
): Capabilities {
  const key = `${providerId}\n${dialect}\n${model}`
  let known = cache.get(key)
  if (!known) {
    known = Object.assign({}, ...layers(providerId, dialect, model)) as Capabilities
    if (key.length > maximumKey) return override ? { ...known, ...override } : known
    if (cache.size >= maximumCached) cache.clear()
    cache.set(key, known)
  }
  return override ? { ...known, ...override } : known
}
