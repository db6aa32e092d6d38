/** A budget: so many at once, refilled evenly. */
export interface GuessBudget {
  burst: number
  perMinute: number
}

export interface GuessLimits {
  /** For one client address; of IPv6 addresses the first 64 bits count, which one subscriber has. */
  address: GuessBudget
  /** For all together: many addresses are cheap. */
  overall: GuessBudget
  /** Addresses remembered at most; the one that was silent longest is forgotten first. */
  addresses: number
}

export const guessLimits: GuessLimits = {
  address: { burst: 30, perMinute: 30 },
  overall: { burst: 600, perMinute: 600 },
  addresses: 10_000,
}

interface Bucket {
  left: number
  at: number
}

/**
 * How many wrong keys are answered. Who has a right key never comes here, also behind the address of somebody who
 * guesses: only refusals are counted, and only refusals are refused.
 */
export class Guesses {
  readonly #limits: GuessLimits
  readonly #now: () => number
  /** The address that was last heard of is last. */
  readonly #addresses = new Map<string, Bucket>()
  readonly #overall: Bucket

  constructor(now: () => number, limits: GuessLimits = guessLimits) {
    this.#limits = limits
    this.#now = now
    this.#overall = { left: limits.overall.burst, at: now() }
  }

  /** Addresses remembered. */
  get size(): number {
    return this.#addresses.size
  }

  /** Takes one guess out of both budgets. Undefined: it may be answered; else the seconds until the next one may. */
  take(address: string): number | undefined {
    const now = this.#now()
    const bucket = this.#bucket(network(address), now)
    refill(bucket, this.#limits.address, now)
    refill(this.#overall, this.#limits.overall, now)
    const wait = Math.max(
      secondsUntilOne(bucket, this.#limits.address),
      secondsUntilOne(this.#overall, this.#limits.overall),
    )
    if (wait > 0) return wait
    bucket.left -= 1
    this.#overall.left -= 1
    return undefined
  }

  #bucket(name: string, now: number): Bucket {
    const bucket = this.#addresses.get(name) ?? { left: this.#limits.address.burst, at: now }
    this.#addresses.delete(name)
    if (this.#addresses.size >= this.#limits.addresses) {
      const oldest = this.#addresses.keys().next().value
      if (oldest !== undefined) this.#addresses.delete(oldest)
    }
    this.#addresses.set(name, bucket)
    return bucket
  }
}

function refill(bucket: Bucket, { burst, perMinute }: GuessBudget, now: number): void {
  // A clock that was set back gives nothing.
  const passed = Math.max(0, now - bucket.at)
  bucket.left = Math.min(burst, bucket.left + (passed * perMinute) / 60_000)
  bucket.at = now
}

/** Sums of fractions may miss a whole guess by a hair. */
const HAIR = 1e-6

function secondsUntilOne({ left }: Bucket, { perMinute }: GuessBudget): number {
  return left >= 1 - HAIR ? 0 : Math.ceil(((1 - left) * 60) / perMinute)
}

const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i

/** What one subscriber has: an IPv4 address, the first four groups of an IPv6 address. */
export function network(address: string): string {
  const plain = mapped.exec(address)?.[1]
  if (plain !== undefined) return plain
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const behind = tail === '' ? [] : tail.split(':')
    while (groups.length + behind.length < 8) groups.push('0')
    groups.push(...behind)
  }
  return groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')
}
