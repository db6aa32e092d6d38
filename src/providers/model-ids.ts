import { isObject, type Json, type JsonObject } from '../protocol/model/json.ts'

export interface ModelId {
  id: string
  created?: number
  ownedBy?: string
  displayName?: string
}

function objects(list: Json | undefined): JsonObject[] {
  return Array.isArray(list) ? list.filter(isObject) : []
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function model(id: Json | undefined, more: Omit<ModelId, 'id'>): ModelId[] {
  const name = text(id)
  if (name === undefined) return []
  const known = Object.entries(more).filter(([, value]) => value !== undefined)
  return [{ id: name, ...Object.fromEntries(known) }]
}

/** Seconds since 1970 from a number of seconds or an RFC 3339 text. */
function seconds(value: Json | undefined): number | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return Math.floor(value)
  const parsed = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(parsed) ? undefined : Math.floor(parsed / 1000)
}

/** `data[]` of OpenAI-like and Anthropic-like lists. */
export function dataModelIds(body: JsonObject): ModelId[] {
  return objects(body['data']).flatMap((entry) =>
    model(entry['id'], {
      created: seconds(entry['created'] ?? entry['created_at']),
      ownedBy: text(entry['owned_by']),
      displayName: text(entry['display_name']) ?? text(entry['name']),
    }),
  )
}

/** `models[]` of Google's list: `{name: "models/gemini-…", displayName}`. */
export function googleModelIds(body: JsonObject): ModelId[] {
  return objects(body['models']).flatMap((entry) =>
    model(text(entry['name'])?.replace(/^models\//, ''), { displayName: text(entry['displayName']) }),
  )
}
