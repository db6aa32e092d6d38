import type { Path } from '../place.ts'
import type { Data } from './render.ts'

/** A copy of `data` with another value at a path; sections on the way are made; `undefined` takes a member out. */
export function changed(data: Data, path: Path, to: Data | undefined): Data {
  const [head, ...rest] = path
  if (head === undefined) return to as Data
  if (Array.isArray(data)) return data.map((item, index) => (index === head ? changed(item, rest, to) : item))
  const table = data as { readonly [key: string]: Data | undefined }
  const member = table[head]
  return { ...table, [head]: rest.length === 0 ? to : changed(member ?? {}, rest, to) }
}
