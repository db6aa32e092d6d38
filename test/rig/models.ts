import type { Fields } from './json.ts'
import { vendors } from './vendors.ts'

const CREATED = 1_790_000_000

type Lister = (models: readonly string[], vendor: string) => Fields

const openaiList: Lister = (models, vendor) => ({
  object: 'list',
  data: models.map((id) => ({
    id,
    object: 'model',
    created: vendor === 'clewdr' ? 0 : CREATED,
    owned_by: vendor,
  })),
})

const anthropicList: Lister = (models) => ({
  data: models.map((id) => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' })),
  has_more: false,
  first_id: models[0] ?? null,
  last_id: models.at(-1) ?? null,
})

const geminiList: Lister = (models) => ({
  models: models.map((id) => ({
    name: `models/${id}`,
    displayName: id,
    supportedGenerationMethods: ['generateContent', 'countTokens'],
  })),
})

const vertexList: Lister = (models) => ({
  publisherModels: models.map((id) => ({
    name: `publishers/${id.startsWith('claude') ? 'anthropic' : 'google'}/models/${id.split('@')[0]}`,
  })),
})

const listers: Record<string, Lister> = { anthropic: anthropicList, gemini: geminiList, vertex: vertexList }

/** The models list in the shape of this vendor. */
export function modelsBody(vendor: string): Fields {
  return (listers[vendor] ?? openaiList)(vendors[vendor]?.models ?? ['rig-model'], vendor)
}
