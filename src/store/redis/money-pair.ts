/**
 * Money for Lua, whose numbers are exact only to 2⁵³: whole dollars and picodollars of one dollar (0 to 10¹² − 1), as two
 * texts. Exact up to 10¹⁵ dollars.
 */
export type MoneyPair = readonly [dollars: string, picodollars: string]

const DOLLAR = 1_000_000_000_000n

export function toPair(amount: bigint): MoneyPair {
  return [String(amount / DOLLAR), String(amount % DOLLAR)]
}

export function fromPair(dollars: string, picodollars: string): bigint {
  return BigInt(dollars) * DOLLAR + BigInt(picodollars)
}
