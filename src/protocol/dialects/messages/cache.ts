import type { CacheMark } from '../../model/block.ts'
import { invalid } from '../../model/error.ts'
import { isObject, type Json, type JsonObject, rest } from '../../model/json.ts'
import { asObject, at } from '../../model/read.ts'
import type { EncodeContext } from './context.ts'

const markKeys = new Set(['type', 'ttl'])

/** Reads `cache_control`; null and absent are the same. */
export function decodeCacheMark(holder: JsonObject, path: string): CacheMark | undefined {
  const value = holder.cache_control
  if (value === undefined || value === null) return undefined
  const place = at(path, 'cache_control')
  const wire = asObject(value, place)
  if (wire.type !== 'ephemeral') throw invalid(at(place, 'type'), 'expected "ephemeral"')
  const mark: CacheMark = {}
  if (typeof wire.ttl === 'string') mark.ttl = wire.ttl
  const others = rest(wire, markKeys)
  if (others) mark.rest = others
  return mark
}

/** `{cache_control}` to spread into a block, or nothing where the target takes no marks. */
export function cacheControl(mark: CacheMark | undefined, context: EncodeContext): JsonObject {
  if (mark === undefined) return {}
  if (context.capabilities.cacheMarks === 'none') {
    context.dropOnce('cache', 'the upstream takes no cache marks')
    return {}
  }
  const wire: JsonObject = { type: 'ephemeral' }
  if (mark.ttl !== undefined) wire.ttl = lifetime(mark.ttl, context)
  if (mark.rest) {
    if (context.capabilities.betas === 'all') Object.assign(wire, mark.rest)
    else context.dropOnce('cache.rest', 'the upstream takes only type and ttl of a cache mark')
  }
  return { cache_control: wire }
}

function lifetime(ttl: string, context: EncodeContext): string {
  if (ttl === '5m' || ttl === '1h') return ttl
  context.approximateOnce('cache.ttl', `the upstream knows 5m and 1h, sent 1h for ${ttl}`)
  return '1h'
}

/** Keeps the last marks of a finished body, in the wire's order tools → system → messages (protocol.md §2.9). */
export function limitMarks(body: JsonObject, context: EncodeContext): void {
  const holders = [...marked(body.tools), ...marked(body.system), ...marked(body.messages)]
  const surplus = holders.length + (body.cache_control === undefined ? 0 : 1) - MAX_MARKS
  if (surplus <= 0) return
  for (const holder of holders.slice(0, surplus)) delete holder.cache_control
  context.losses.drop(
    'cache',
    `the upstream takes ${MAX_MARKS} cache marks, the first ${surplus} were left out`,
  )
}

const MAX_MARKS = 4

/** Every object below `value` that carries a mark, outermost last as the wire reads it. */
function marked(value: Json | undefined): JsonObject[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((entry) => {
    if (!isObject(entry)) return []
    return [...marked(entry.content), ...(isObject(entry.cache_control) ? [entry] : [])]
  })
}
