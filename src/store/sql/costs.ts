import type { CostColumns } from './tables.ts'

/** Picodollars in a thousandth of a dollar. */
const MILLI = 1_000_000_000n
/** What `cost_milli` holds at most, in picodollars: nine trillion dollars. */
const MOST = BigInt(Number.MAX_SAFE_INTEGER) * MILLI

/** Throws RangeError for money that cannot be: below zero, or more than there is. */
export function costColumns(cost: bigint): CostColumns {
  if (cost < 0n || cost > MOST) throw new RangeError(`a cost of ${cost} picodollars cannot be stored`)
  return { cost_milli: Number(cost / MILLI), cost_pico: Number(cost % MILLI) }
}

/** Also of sums, in which the smaller part may have grown beyond its bound. */
export function costOf(milli: number | string | bigint, pico: number | string | bigint): bigint {
  return BigInt(milli) * MILLI + BigInt(pico)
}
