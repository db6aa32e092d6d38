import { crc32 } from 'node:zlib'
import { isObject } from '../protocol/model/json.ts'
import type { AttemptRow, UsageRow } from '../store/ports/usage.ts'

/** What is written before an attempt: enough to make a row of it when nobody comes back to say how it went. */
export interface Intent {
  /** The row's id. */
  id: string
  /** Position of the attempt in its request. */
  attempt: number
  requestId: string
  tenant: string
  keyId?: string
  endpoint: string
  /** As the client asked. */
  model: string
  provider: string
  /** The upstream's own name of the model. */
  upstreamModel: string
  stream: boolean
  /** Milliseconds since 1970: of the call, and of this attempt. */
  callStartedAt: number
  startedAt: number
  /** Tokens of the prompt, estimated. */
  inputTokens: number
  tags: Readonly<Record<string, string>>
}

export type JournalRecord = { kind: 'intent'; intent: Intent } | { kind: 'settle'; row: UsageRow }

/** A line of the journal: CRC-32 of the rest in eight hexadecimal digits, a space, JSON, a newline. */
const CHECKSUM = 8

export function intentLine(intent: Intent): string {
  return lineOf(`{"kind":"intent","intent":${JSON.stringify(intent)}}`)
}

export function settleLine(row: UsageRow): string {
  return lineOf(
    `{"kind":"settle","row":${JSON.stringify({ ...row, cost: String(row.cost), attempts: row.attempts.map(plainAttempt) })}}`,
  )
}

function plainAttempt(attempt: AttemptRow): object {
  return { ...attempt, cost: String(attempt.cost) }
}

function lineOf(json: string): string {
  return `${crc32(json).toString(16).padStart(CHECKSUM, '0')} ${json}\n`
}

/** The record of a line without its newline; undefined when the line is torn or altered. */
export function readLine(line: string): JournalRecord | undefined {
  if (line.charCodeAt(CHECKSUM) !== 0x20) return undefined
  const json = line.slice(CHECKSUM + 1)
  if (crc32(json).toString(16).padStart(CHECKSUM, '0') !== line.slice(0, CHECKSUM)) return undefined
  return reviveRecord(json)
}

/** What passed its checksum is what we wrote; only the kind is looked at. */
function reviveRecord(json: string): JournalRecord | undefined {
  const value: unknown = JSON.parse(json)
  if (!isObject(value)) return undefined
  if (value['kind'] === 'intent') return value as unknown as JournalRecord
  if (value['kind'] !== 'settle') return undefined
  const { row } = value as unknown as { row: UsageRow }
  return {
    kind: 'settle',
    row: { ...row, cost: BigInt(row.cost), attempts: row.attempts.map(revivedAttempt) },
  }
}

function revivedAttempt(attempt: AttemptRow): AttemptRow {
  return { ...attempt, cost: BigInt(attempt.cost) }
}
