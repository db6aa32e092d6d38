import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { UsageRow } from '../store/ports/usage.ts'
import type { Inserter } from './inserter.ts'
import type { Intent, JournalRecord } from './journal-record.ts'
import type { UsageLog } from './log.ts'
import { isOwnerAlive } from './owner.ts'
import { namesIn, readSegment, segmentPath, segmentsIn, sizeOf } from './segments.ts'
import { readShipped } from './shipped.ts'

export interface RecoveryOptions {
  /** The folder that holds a folder for each gateway. */
  root: string
  /** Name of this gateway's own; undefined when it has none. */
  own?: string
  inserter: Inserter
  /** Makes a row of the intents of a request that was never settled. */
  interruptedRow(intents: readonly Intent[]): UsageRow | undefined
  /** Milliseconds since 1970. */
  now(): number
  log: UsageLog
}

export interface Recovered {
  folders: number
  rows: number
  /** Requests that were open when their gateway was killed. */
  interrupted: number
  damagedLines: number
}

const BATCH_ROWS = 500

/** Gateways that wrote here, each in a folder of its own. */
export function gatewaysIn(root: string): string[] {
  return namesIn(root).filter((name) => !name.includes('.'))
}

/** Bytes in the folders of other gateways that are not running. */
export function abandonedBytes({ root, own, now }: RecoveryOptions): number {
  let bytes = 0
  for (const name of gatewaysIn(root)) {
    const folder = join(root, name)
    if (name === own || isOwnerAlive(folder, now())) continue
    for (const segment of segmentsIn(folder)) bytes += sizeOf(segmentPath(folder, segment))
  }
  return bytes
}

/**
 * Takes over what gateways that were killed left behind: their settled rows go into the store, their open intents
 * become rows that say `interrupted`, and their folders go. Rejects with `StoreUnavailable` when the store cannot be
 * asked; nothing is lost then, and doing it again, or in two gateways at once, changes nothing.
 */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const sum: Recovered = { folders: 0, rows: 0, interrupted: 0, damagedLines: 0 }
  for (const name of gatewaysIn(options.root)) {
    const folder = join(options.root, name)
    if (name === options.own || isOwnerAlive(folder, options.now())) continue
    await recoverFolder(folder, options, sum)
    rmSync(folder, { recursive: true, force: true })
    sum.folders += 1
  }
  if (sum.folders > 0)
    options.log.info('took over the usage journal of a gateway that is gone', {
      gateways: sum.folders,
      rows: sum.rows,
      interrupted: sum.interrupted,
      damaged_lines: sum.damagedLines,
    })
  return sum
}

async function recoverFolder(folder: string, options: RecoveryOptions, sum: Recovered): Promise<void> {
  const open = new Map<string, Map<number, Intent>>()
  const shipped = readShipped(folder)
  for (const segment of segmentsIn(folder)) {
    for (const { records, damaged, end } of readSegment(segmentPath(folder, segment))) {
      sum.damagedLines += damaged
      const rows = records.flatMap((record) => settledBy(record, open))
      const isThrough = segment < shipped.segment || (segment === shipped.segment && end <= shipped.offset)
      if (!isThrough) await insert(rows, options, sum)
    }
  }
  const interrupted = [...open.values()].flatMap(
    (intents) => options.interruptedRow([...intents.values()]) ?? [],
  )
  await insert(interrupted, options, sum)
  sum.interrupted += interrupted.length
}

/** Keeps account of what is open; gives the row of a record that settles one. */
function settledBy(record: JournalRecord, open: Map<string, Map<number, Intent>>): UsageRow[] {
  if (record.kind === 'settle') {
    open.delete(record.row.id)
    return [record.row]
  }
  const { intent } = record
  const intents = open.get(intent.id) ?? new Map<number, Intent>()
  open.set(intent.id, intents.set(intent.attempt, intent))
  return []
}

async function insert(
  rows: readonly UsageRow[],
  { inserter }: RecoveryOptions,
  sum: Recovered,
): Promise<void> {
  for (let at = 0; at < rows.length; at += BATCH_ROWS) {
    const batch = rows.slice(at, at + BATCH_ROWS)
    await inserter.insert(batch)
    sum.rows += batch.length
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/**
 * Puts the settled rows of running gateways into the store, so that a report made now counts the call that ended just
 * before; their journals are left as they are.
 */
export async function shipTails(root: string, inserter: Inserter): Promise<void> {
  for (const name of gatewaysIn(root)) {
    const folder = join(root, name)
    const shipped = readShipped(folder)
    for (const segment of segmentsIn(folder)) {
      if (segment < shipped.segment) continue
      const from = segment === shipped.segment ? shipped.offset : 0
      for (const { records } of readSegment(segmentPath(folder, segment), from, true)) {
        const rows = records.flatMap((record) => (record.kind === 'settle' ? [record.row] : []))
        for (let at = 0; at < rows.length; at += BATCH_ROWS)
          await inserter.insert(rows.slice(at, at + BATCH_ROWS))
      }
    }
  }
}
