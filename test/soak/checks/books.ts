import type { UsageRow } from '../../../src/store/ports/usage.ts'
import type { Entry } from '../../rig/ledger.ts'
import type { Seen } from '../load/client.ts'
import type { Plan } from '../load/plan.ts'
import { wordsIn } from '../load/scenes.ts'
import type { Outcome } from './verdict.ts'

/** What a client knows of its request once it is over. */
interface Told {
  plan: Plan
  status: number
  outcome: Outcome
  at: number
}

/** What the simulated vendors know of an attempt once it is over. */
type Attempt = Record<'vendor', string> & {
  [Name in 'fault' | 'status' | 'bill' | 'ended']: Entry[Name] | undefined
}

/** Everything about the requests with one word: the call, and its repetition when there is one. */
interface Page {
  told: Told[]
  rows: UsageRow[]
  attempts: Attempt[]
}

/** What the prices of the soak's gateway come to. */
const PICODOLLARS_A_TOKEN = { input: 1_000_000n, output: 2_000_000n }
/** Rows come a moment after the answer, and the end of an attempt that was left a moment after its client's. */
const SETTLED_MS = 5_000

/**
 * Holds three accounts of the same requests against each other: what the clients saw, what the vendors billed, and the
 * rows in the database (promises C1, C2, C6, C8). A page is closed when all three have come; what is open at the end
 * was lost.
 */
export class Books {
  readonly #pages = new Map<string, Page>()
  /** Rows by id: the same row is read again and again. */
  readonly #known = new Set<string>()
  readonly #repeated: Set<string>
  readonly #closed = new Set<string>()
  readonly #now: () => number
  /** What does not fit. */
  readonly faults: string[] = []
  rows = 0
  attempts = 0
  balanced = 0
  /** Sums over all rows, to be held against the database's own. */
  readonly sum = { inputTokens: 0, outputTokens: 0, cost: 0n }

  /** `repeated`: words of calls that are asked for twice. */
  constructor(now: () => number, repeated: Set<string>) {
    this.#now = now
    this.#repeated = repeated
  }

  get open(): number {
    return this.#pages.size
  }

  /** Requests of which something must still come. */
  get awaited(): number {
    return [...this.#pages].filter(([word, page]) => !this.#isWhole(word, page)).length
  }

  told(plan: Plan, { status }: Seen, outcome: Outcome): void {
    this.#page(plan.word).told.push({ plan, status, outcome, at: this.#now() })
  }

  /** Takes the entries that are over out of a ledger, so that it does not grow. */
  take(entries: Entry[]): void {
    const going = entries.splice(0)
    for (const entry of going) {
      if (entry.ended === undefined) {
        entries.push(entry)
        continue
      }
      const [word] = wordsIn(entry.body)
      // Counting tokens is no attempt of a call.
      if (word === undefined || entry.conversation === undefined) continue
      this.attempts += 1
      const { vendor, fault, status, bill, ended } = entry
      this.#page(word).attempts.push({ vendor, fault, status, ended, bill })
    }
  }

  add(rows: readonly UsageRow[]): void {
    for (const row of rows) {
      if (this.#known.has(row.id)) continue
      this.#known.add(row.id)
      this.rows += 1
      this.sum.inputTokens += row.inputTokens
      this.sum.outputTokens += row.outputTokens
      this.sum.cost += row.cost
      const [word] = wordsIn(row.requestId)
      if (word === undefined) this.faults.push(`a row for nobody: ${row.requestId}`)
      else this.#page(word).rows.push(row)
    }
  }

  /** Closes the pages that have everything; `running` are words whose attempts are not over. */
  close(running: ReadonlySet<string>): void {
    for (const [word, page] of this.#pages)
      if (!running.has(word) && this.#isWhole(word, page) && this.#isHeard(page)) this.#settle(word, page)
  }

  /** At the end, when all rows must be there: what was lost, or never meant. */
  closeAll(): void {
    for (const [word, page] of this.#pages) if (this.#isWhole(word, page)) this.#settle(word, page)
    for (const [word, page] of this.#pages) {
      const { told, rows, attempts } = page
      this.faults.push(
        `${word} ${describe(page)}: ${told.length} answers, ${rows.length} rows, ${attempts.length} attempts`,
      )
    }
    this.#pages.clear()
  }

  #settle(word: string, page: Page): void {
    const faults = faultsOf(page)
    if (faults.length === 0) this.balanced += 1
    for (const fault of faults) this.faults.push(`${word} ${describe(page)}: ${fault}`)
    this.#pages.delete(word)
    this.#closed.add(word)
  }

  #page(word: string): Page {
    // A page that comes back brings a second row, or an attempt after the end.
    if (this.#closed.delete(word)) this.faults.push(`${word}: more of it after its account was closed`)
    let page = this.#pages.get(word)
    if (page === undefined) this.#pages.set(word, (page = { told: [], rows: [], attempts: [] }))
    return page
  }

  #isWhole(word: string, { told, rows, attempts }: Page): boolean {
    const wanted = this.#repeated.has(word) ? 2 : 1
    if (told.length < wanted) return false
    const settled = told.every(({ at }) => this.#now() - at > SETTLED_MS)
    const least = told.filter(leavesRow).length
    if (rows.length < least) return false
    // Without a row nothing was asked for it either.
    return settled && (rows.length > 0 || attempts.length === 0)
  }

  /** A client that left at once may never have been heard; or its row waits for the database like any other. */
  #isHeard({ told, rows }: Page): boolean {
    return rows.length > 0 || told.every((one) => one.plan.kind === 'bad-key')
  }
}

/** A client that left before it had a status may not have been heard at all. */
function leavesRow({ plan, status, outcome }: Told): boolean {
  return plan.kind !== 'bad-key' && !(outcome === 'left' && status === 0)
}

function describe({ told }: Page): string {
  const [first] = told
  if (first === undefined) return '(nobody asked)'
  const { plan, status, outcome } = first
  return `(${plan.kind}, ${plan.front.name}, ${plan.model}${plan.stream ? ', stream' : ''}; ${outcome} ${status})`
}

function faultsOf({ told, rows, attempts }: Page): string[] {
  const faults: string[] = []
  const noted = rows.reduce((sum, row) => sum + row.attempts.length, 0)
  // An attempt is noted first. Its client may leave, or another be first, before the vendor has heard all of it.
  const unheard = told.some(({ outcome }) => outcome === 'left') ? 1 : lostIn(rows)
  if (noted < attempts.length || noted > attempts.length + unheard)
    faults.push(`${noted} attempts in the rows, ${attempts.length} at the vendors`)
  for (const one of told) {
    const own = rows.filter((row) => row.requestId === one.plan.requestId)
    const [row, ...twins] = own
    if (twins.length > 0) faults.push(`${own.length} rows`)
    if (row !== undefined && !leavesRow(one) && one.plan.kind === 'bad-key') faults.push('a row for nobody')
    if (row !== undefined) faults.push(...rowFaults(one, row, attempts))
  }
  return faults
}

/** Attempts beside another one that was first. */
function lostIn(rows: readonly UsageRow[]): number {
  return rows.flatMap((row) => row.attempts).filter(({ errorType }) => errorType === 'lost').length
}

function rowFaults({ plan, status, outcome }: Told, row: UsageRow, attempts: readonly Attempt[]): string[] {
  const faults: string[] = []
  const check = (what: string, isRight: boolean): void => {
    if (!isRight) faults.push(`${what} (row: ${row.status}, ${row.endReason}, ${row.usageSource})`)
  }
  const tokens = row.inputTokens + row.outputTokens
  if (outcome !== 'left') check(`status ${row.status} for a client that saw ${status}`, row.status === status)
  if (outcome === 'answered') check('did not end as complete', row.endReason === 'complete')
  if (outcome === 'broken-off') check('not ended by the upstream', row.endReason === 'upstream')
  if (outcome === 'refused') check(`${tokens} tokens for an error`, tokens === 0)
  if (outcome === 'answered' && plan.kind !== 'count')
    check(
      `${row.inputTokens} + ${row.outputTokens} tokens, billed: ${billsOf(attempts)}`,
      isBilled(row, attempts),
    )
  const { input, output } = PICODOLLARS_A_TOKEN
  const cost = BigInt(row.inputTokens) * input + BigInt(row.outputTokens) * output
  check(`${row.cost} picodollars in place of ${cost}`, row.cost === cost)
  return faults
}

function billsOf(attempts: readonly Attempt[]): string {
  return attempts
    .map(
      ({ vendor, fault = 'no fault', status, ended, bill }) =>
        `${bill?.input} + ${bill?.output} (${vendor} ${status}, ${fault}, ${ended})`,
    )
    .join(', ')
}

/** A replay is free; another answer costs what a vendor billed for one that it sent whole. */
function isBilled(row: UsageRow, attempts: readonly Attempt[]): boolean {
  if (row.replay) return row.inputTokens + row.outputTokens === 0
  return attempts.some(
    ({ fault, ended, bill }) =>
      bill?.input === row.inputTokens &&
      // One that stalls behind its last byte has sent everything, and thinks that it was left.
      ((ended === 'complete' && bill.output === row.outputTokens) || fault === 'stall-at'),
  )
}
