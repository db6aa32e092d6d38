/**
 * Texts as both databases can keep them: PostgreSQL has no NUL, neither has half of a surrogate pair. Asking goes
 * through the same door as writing, so a text is found as it was kept.
 */
export function storable(text: string): string {
  if (!suspicious.test(text)) return text
  return text.replace(/\p{Surrogate}/gu, '\uFFFD').replaceAll('\0', '\uFFFD')
}

/** What may be NUL or half a pair; nearly every text has none of it. */
const suspicious = /[\0\uD800-\uDFFF]/

/** Longest text in a column with an index, in UTF-16 units: four of them must fit into PostgreSQL's 2,704 bytes. */
export const NAME_LENGTH = 200

/**
 * A name that clients choose, cut to what an index can hold. Without this, one request for a model with a name of a
 * megabyte would keep its whole batch out of the database for ever.
 */
export function nameOf(text: string): string {
  return storable(text.length > NAME_LENGTH ? `${text.slice(0, NAME_LENGTH - 1)}…` : text)
}
