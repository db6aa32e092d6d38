/** Money is a `bigint` of picodollars (10⁻¹² US dollars): a token of the cheapest model is still a whole number. */
const DECIMALS = 12
const PICODOLLARS = 10n ** BigInt(DECIMALS)

const DECIMAL = /^(-?)(\d+)(?:\.(\d{1,12}))?$/

/** `12.5` → 12,500,000,000,000. Throws a `RangeError` on anything but a decimal number with at most 12 places. */
export function parseDollars(text: string): bigint {
  const match = DECIMAL.exec(text)
  if (!match) throw new RangeError(`expected US dollars with at most ${DECIMALS} decimal places`)
  const [, sign, whole = '0', places = ''] = match
  const amount = BigInt(whole) * PICODOLLARS + BigInt(places.padEnd(DECIMALS, '0'))
  return sign === '-' ? -amount : amount
}

/** The exact decimal number of dollars, without needless zeros: `0`, `0.000003`, `12.5`. */
export function formatDollars(amount: bigint): string {
  const size = amount < 0n ? -amount : amount
  const sign = amount < 0n ? '-' : ''
  const places = size % PICODOLLARS
  if (places === 0n) return `${sign}${size / PICODOLLARS}`
  const digits = places.toString().padStart(DECIMALS, '0').replace(/0+$/, '')
  return `${sign}${size / PICODOLLARS}.${digits}`
}

const FLOATING = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/

/**
 * An amount as an upstream writes it, a JSON number of dollars (`0.00014175`, `1.2e-7`): its shortest decimal form,
 * rounded half up to whole picodollars. Undefined for what is no amount.
 */
export function dollarsFromNumber(value: unknown): bigint | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0 || value > 1e9) return undefined
  const [, whole = '0', places = '', exponent = '0'] = FLOATING.exec(String(value)) ?? []
  const digits = BigInt(whole + places)
  const shift = DECIMALS - places.length + Number(exponent)
  if (shift >= 0) return digits * 10n ** BigInt(shift)
  const divisor = 10n ** BigInt(-shift)
  return (digits + divisor / 2n) / divisor
}
