export interface SoakOptions {
  minutes: number
  /** Requests a second, on average. */
  rate: number
  /** The same seed gives the same requests and the same weather; not the same moments. */
  seed: number
  tenants: number
  /** Share of the clients that leave before their answer is over. */
  leaving: number
  /** Simulated vendors fail, stall and refuse now and then. */
  upstreamFaults: boolean
  /** PostgreSQL and Redis are frozen, killed and restarted now and then. */
  storeFaults: boolean
}

/** What the first minutes fill (caches, pools, compiled code) is no leak; of a short run it is the first third. */
export function settlingSeconds({ minutes }: SoakOptions): number {
  return Math.min(300, (minutes * 60) / 3)
}

const defaults: SoakOptions = {
  minutes: 30,
  rate: 40,
  seed: 20_261_121,
  tenants: 40,
  leaving: 0.2,
  upstreamFaults: true,
  storeFaults: true,
}

const numbers = {
  '--minutes': { member: 'minutes', least: 0.5, most: 100_000 },
  '--rate': { member: 'rate', least: 1, most: 2_000 },
  '--seed': { member: 'seed', least: 0, most: 2 ** 31 },
  '--tenants': { member: 'tenants', least: 3, most: 5_000 },
  '--leaving': { member: 'leaving', least: 0, most: 0.9 },
} as const

const switches = {
  '--no-upstream-faults': 'upstreamFaults',
  '--no-store-faults': 'storeFaults',
} as const

export const help = `npm run soak [-- arguments]
  --minutes N            how long load runs (${defaults.minutes}); memory is judged after the first five, or the first third
  --rate N               requests a second (${defaults.rate})
  --seed N               of the requests and of what goes wrong (${defaults.seed})
  --tenants N            callers that must never hear of each other (${defaults.tenants})
  --leaving N            share of clients that leave in the middle (${defaults.leaving})
  --no-upstream-faults   vendors that never fail
  --no-store-faults      PostgreSQL and Redis that never fail
Prints a line of JSON a minute and a report at the end; exit code 1 when a promise was broken.
`

/** Throws words for people when an argument is not understood. */
export function soakOptions(args: readonly string[]): SoakOptions {
  const options = { ...defaults }
  const left = [...args]
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    if (isIn(switches, name)) options[switches[name]] = false
    else if (isIn(numbers, name)) {
      const { member, least, most } = numbers[name]
      const value = Number(left.shift())
      if (!(value >= least && value <= most))
        throw new Error(`${name}: expected a number from ${least} to ${most}`)
      options[member] = value
    } else throw new Error(`${name} is not known\n${help}`)
  }
  return options
}

function isIn<Table extends object>(table: Table, name: string): name is Extract<keyof Table, string> {
  return Object.hasOwn(table, name)
}
