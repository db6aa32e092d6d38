import { isObject, type Json, type JsonObject } from '../../model/json.ts'

/**
 * `logprobsResult` in the shape of chat completions' `logprobs.content` (protocol.md §1.1). Token ids have no place
 * there and stay in the finish's extensions with the rest of the result.
 */
export function logprobsOf(result: JsonObject): Json[] {
  const top = listOf(result['topCandidates'])
  return listOf(result['chosenCandidates']).map((chosen, position) => ({
    ...entry(chosen),
    top_logprobs: listOf(memberOf(top[position], 'candidates')).map(entry),
  }))
}

/** Streams give one result a chunk: the lists of the whole answer are theirs joined. */
export function joinLogprobs(earlier: JsonObject | undefined, later: JsonObject): JsonObject {
  if (!earlier) return later
  const joined: JsonObject = { ...earlier, ...later }
  for (const key of ['chosenCandidates', 'topCandidates'])
    if (earlier[key] !== undefined) joined[key] = [...listOf(earlier[key]), ...listOf(later[key])]
  return joined
}

function entry(value: Json): JsonObject {
  return {
    token: memberOf(value, 'token') ?? '',
    logprob: memberOf(value, 'logProbability') ?? 0,
    bytes: null,
  }
}

function memberOf(value: Json | undefined, key: string): Json | undefined {
  return isObject(value) ? value[key] : undefined
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : []
}
