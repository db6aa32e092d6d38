import type { CacheMark } from '../../model/block.ts'
import type { Losses } from '../../model/dropped.ts'
import { isObject, type JsonObject, rest } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import type { Extensions } from '../../model/origin.ts'
import { readObject, readString } from '../../model/read.ts'
import { noteOf } from './extensions.ts'
import type { Scope } from './scope.ts'

/** A mark as read: which of the two spellings it had decides nothing but how it is written again. */
export interface ReadMark {
  cache?: CacheMark
  form?: 'breakpoint'
}

const controlMembers = new Set(['type', 'ttl'])
const breakpointMembers = new Set(['mode', 'ttl'])

/** Reads `cache_control`, else `prompt_cache_breakpoint` (protocol.md §2.9). */
export function readMark(object: JsonObject, path: string): ReadMark {
  const control = readObject(object, 'cache_control', path)
  if (control) return { cache: markOf(control, controlMembers, `${path}.cache_control`) }
  const breakpoint = readObject(object, 'prompt_cache_breakpoint', path)
  if (!breakpoint) return {}
  const cache = markOf(breakpoint, breakpointMembers, `${path}.prompt_cache_breakpoint`)
  return { cache, form: 'breakpoint' }
}

function markOf(object: JsonObject, known: ReadonlySet<string>, path: string): CacheMark {
  return defined({ ttl: readString(object, 'ttl', path), rest: rest(object, known) })
}

/** Lifetimes in the other spelling: the shortest one that is not shorter, or the provider's default. */
const lifetimes = {
  breakpoint: { '5m': undefined, '1h': '12h' },
  'cache-control': { '30m': '1h', '12h': '1h' },
} as const satisfies Record<string, Record<string, string | undefined>>

interface Marked {
  cache?: CacheMark
  extensions?: Extensions
}

/** Writes the mark of a block or tool into its wire object, in the spelling the upstream understands. */
export function writeMark(wire: JsonObject, marked: Marked, path: string, scope: Scope): void {
  if (!marked.cache) return
  const written = markFor(marked.cache, noteOf(marked.extensions, 'mark') === 'breakpoint', path, scope)
  if (written) wire[written.member] = written.value
}

/** The mark as a wire member; undefined, and reported, when the upstream takes none. */
export function markFor(
  cache: CacheMark,
  isBreakpoint: boolean,
  path: string,
  { capabilities, losses }: Scope,
): { member: string; value: JsonObject } | undefined {
  const wanted = capabilities.cacheMarks
  if (wanted === 'none') {
    losses.drop(`${path}.cache`, 'the upstream takes no cache marks')
    return undefined
  }
  const sameForm = isBreakpoint === (wanted === 'breakpoint')
  const ttl = sameForm ? cache.ttl : lifetime(cache.ttl, wanted, path, losses)
  const members = defined({ ttl, ...(sameForm ? cache.rest : undefined) })
  if (wanted === 'breakpoint')
    return { member: 'prompt_cache_breakpoint', value: { mode: 'explicit', ...members } }
  return { member: 'cache_control', value: { type: 'ephemeral', ...members } }
}

function lifetime(
  ttl: string | undefined,
  form: keyof typeof lifetimes,
  path: string,
  losses: Losses,
): string | undefined {
  if (ttl === undefined) return undefined
  const table: Record<string, string | undefined> = lifetimes[form]
  const translated = ttl in table ? table[ttl] : ttl
  if (translated !== ttl) losses.approximate(`${path}.cache`, `the upstream has no lifetime of ${ttl}`)
  return translated
}

/** Whether an object carries a mark of either spelling. */
export function hasMark(object: JsonObject): boolean {
  return isObject(object['cache_control']) || isObject(object['prompt_cache_breakpoint'])
}
