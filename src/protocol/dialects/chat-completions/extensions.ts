import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import { type Extensions, extensionsOf, NOTE_PREFIX } from '../../model/origin.ts'
import { DIALECT } from './wire.ts'

/**
 * Notes of our own ride in the extension bag under names that start with `xjp:`; they tell which of several
 * equivalent spellings was used, and are never sent to anyone.
 */
const NOTE = NOTE_PREFIX

export type NoteName =
  /** On a block or tool: the cache mark was a `prompt_cache_breakpoint`. */
  | 'mark'
  /** On a block: the part type it came as, where the block's own does not say. */
  | 'part'
  /** On a request: it used the deprecated `functions`. */
  | 'functions'
  /** On a request: the member that held the end user's id. */
  | 'endUser'
  /** On an answer: it came in this dialect, so its id is one of ours. */
  | 'own'

/** The kept wire fields as an extension bag, or undefined when there are none. */
export function keep(
  fields: JsonObject | undefined,
  notes?: { [N in NoteName]?: string },
): Extensions | undefined {
  let bag: JsonObject | undefined
  for (const key in fields) if (fields[key] !== undefined) (bag ??= {})[key] = fields[key]
  for (const name in notes) {
    const value = notes[name as NoteName]
    if (value !== undefined) (bag ??= {})[NOTE + name] = value
  }
  return extensionsOf(DIALECT, bag)
}

export function noteOf(extensions: Extensions | undefined, name: NoteName): string | undefined {
  const value = extensions?.[DIALECT]?.[NOTE + name]
  return typeof value === 'string' ? value : undefined
}

/** Puts the kept wire fields under those of `target`, which win; objects are merged member by member. */
export function giveBack(target: JsonObject, extensions: Extensions | undefined): JsonObject {
  const bag = extensions?.[DIALECT]
  return bag === undefined ? target : fill(target, bag)
}

function fill(target: JsonObject, bag: JsonObject): JsonObject {
  for (const key in bag) {
    if (key.startsWith(NOTE) || key === '__proto__') continue
    const mine: Json | undefined = target[key]
    const kept = bag[key]
    if (mine === undefined) target[key] = kept
    else if (isObject(mine) && isObject(kept)) target[key] = fill({ ...mine }, kept)
  }
  return target
}
