import type { AccountingStatus, CircuitStatus, CooldownStatus, Status, StoreStatus } from './operations.ts'

/**
 * The statuses of several workers as that of one gateway. Of what each has for itself the worst counts: a circuit is
 * open when it is in one of them. Undefined of none.
 */
export function mergeStatus(statuses: readonly Status[]): Status | undefined {
  const [first, ...others] = statuses
  if (first === undefined) return undefined
  const merged = others.reduce(pair, first)
  return { ...merged, workers: statuses.length }
}

const severity = { ok: 0, degraded: 1, draining: 2 } as const
const openness = { closed: 0, half_open: 1, open: 2 } as const
const trouble = { ok: 0, waiting: 1, full: 2, unwritable: 3 } as const

function pair(one: Status, other: Status): Status {
  const { accounting, ...rest } = one
  const books = [accounting, other.accounting].filter((each) => each !== undefined)
  return {
    ...rest,
    status: severity[other.status] > severity[one.status] ? other.status : one.status,
    uptime_seconds: Math.max(one.uptime_seconds, other.uptime_seconds),
    draining: one.draining || other.draining,
    overloaded: one.overloaded || other.overloaded,
    active: one.active + other.active,
    queue: { waiting: one.queue.waiting + other.queue.waiting },
    circuits: joined(one.circuits, other.circuits, ({ model, target }) => [model, target], worseCircuit),
    cooldowns: joined(
      one.cooldowns,
      other.cooldowns,
      ({ provider, credential, model }) => [provider, credential, model],
      longerCooldown,
    ),
    stores: joined(one.stores, other.stores, ({ store }) => [store], worseStore),
    ...(books.length > 0 ? { accounting: books.reduce(together) } : {}),
  }
}

/** Both lists, with one entry for what both have. */
function joined<Item>(
  one: readonly Item[],
  other: readonly Item[],
  nameOf: (item: Item) => readonly unknown[],
  choose: (a: Item, b: Item) => Item,
): Item[] {
  const found = new Map(one.map((item) => [JSON.stringify(nameOf(item)), item]))
  for (const item of other) {
    const name = JSON.stringify(nameOf(item))
    const known = found.get(name)
    found.set(name, known === undefined ? item : choose(known, item))
  }
  return [...found.values()]
}

function worseCircuit(a: CircuitStatus, b: CircuitStatus): CircuitStatus {
  const difference = openness[b.state] - openness[a.state]
  if (difference !== 0) return difference > 0 ? b : a
  return b.failures_in_row > a.failures_in_row ? b : a
}

function longerCooldown(a: CooldownStatus, b: CooldownStatus): CooldownStatus {
  return b.until > a.until ? b : a
}

function worseStore(a: StoreStatus, b: StoreStatus): StoreStatus {
  return a.up && !b.up ? b : a
}

function together(a: AccountingStatus, b: AccountingStatus): AccountingStatus {
  return {
    state: trouble[b.state] > trouble[a.state] ? b.state : a.state,
    journal_bytes: a.journal_bytes + b.journal_bytes,
    rows_waiting: a.rows_waiting + b.rows_waiting,
    lag_seconds: Math.max(a.lag_seconds, b.lag_seconds),
  }
}
