import type { JsonObject } from '../../src/protocol/model/json.ts'
import type { Heard } from './hear.ts'

/** What it is, what the upstream sends (events, or bytes as they are), and what the client must hear of it. */
export type Row = [string, string | readonly (JsonObject | string)[], Partial<Heard>]

/** The two calls that the tables speak of. */
export const f = { name: 'f', arguments: { a: 1 } }
export const g = { name: 'g', arguments: {} }
