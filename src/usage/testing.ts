import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Snapshot } from '../config/snapshot.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import type {
  GroupedUsage,
  UsageFilter,
  UsageGroup,
  UsageRow,
  UsageStore,
  UsageSum,
} from '../store/ports/usage.ts'
import type { UsageLog } from './log.ts'

/** A store of usage in memory whose trouble a test decides. */
export class MemoryUsageStore implements UsageStore {
  readonly kept = new Map<string, UsageRow>()
  /** Rows that were handed in, those that were there already too. */
  delivered = 0
  /** While true the store cannot be asked. */
  isDown = false
  /** A batch with more rows does not end within the time-out. */
  takesAtOnce = Number.POSITIVE_INFINITY
  /** Rows the store refuses for good. */
  refuses: (row: UsageRow) => boolean = () => false

  async insert(rows: readonly UsageRow[]): Promise<void> {
    await Promise.resolve()
    if (this.isDown || rows.length > this.takesAtOnce)
      throw new StoreUnavailable('database', 'the store is down')
    if (rows.some(this.refuses)) throw new Error('invalid byte sequence')
    this.delivered += rows.length
    for (const row of rows) if (!this.kept.has(row.id)) this.kept.set(row.id, row)
  }

  sum(): Promise<UsageSum> {
    const sum = { ...empty }
    for (const row of this.kept.values()) {
      sum.requests += 1
      for (const name of tokenNames) sum[name] += row[name]
      sum.cost += row.cost
    }
    return Promise.resolve(sum)
  }

  groups(_filter: UsageFilter, _by: readonly UsageGroup[]): Promise<GroupedUsage[]> {
    return Promise.reject(new Error('not needed here'))
  }

  rows(): Promise<UsageRow[]> {
    return Promise.resolve([...this.kept.values()])
  }

  spent(): Promise<bigint> {
    return Promise.reject(new Error('not needed here'))
  }

  removeBefore(time: number, limit: number): Promise<number> {
    const old = [...this.kept.values()].filter((row) => row.startedAt < time).slice(0, limit)
    for (const row of old) this.kept.delete(row.id)
    return Promise.resolve(old.length)
  }
}

const tokenNames = [
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'reasoningTokens',
] as const

const empty: UsageSum = {
  requests: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  cost: 0n,
}

/** A row of a whole call with one attempt. */
export function rowWith(id: string, parts: Partial<UsageRow> = {}): UsageRow {
  const amounts = { ...empty, inputTokens: 10, outputTokens: 5, cost: 123_456_789n }
  const { requests: _, ...used } = amounts
  return {
    id,
    requestId: `req-${id}`,
    tenant: 'acme',
    endpoint: 'chat.completions',
    model: 'm',
    provider: 'openai',
    route: 'openai/m',
    stream: true,
    status: 200,
    endReason: 'complete',
    usageSource: 'reported',
    priceVersion: 'abcdef012345',
    replay: false,
    startedAt: 1_790_000_000_000,
    milliseconds: 12,
    bytesSent: 100,
    tags: { team: '质量' },
    ...used,
    attempts: [
      {
        attempt: 0,
        provider: 'openai',
        model: 'm',
        startedAt: 1_790_000_000_001,
        milliseconds: 11,
        status: 200,
        usageSource: 'reported',
        ...used,
      },
    ],
    ...parts,
  }
}

/** What accounting reads of a configuration. */
export function snapshotWith(parts: Partial<Snapshot> = {}): Snapshot {
  const known: Partial<Snapshot> = {
    providers: {},
    prices: {},
    usage: {
      onDisconnect: 'cancel',
      drainSeconds: 60,
      retentionDays: 90,
      journalMaxBytes: 1024 * 1024 * 1024,
    },
    ...parts,
  }
  return known as Snapshot
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'xjp-usage-'))
}

/** Keeps what was said. */
export function listeningLog(): UsageLog & { said: string[] } {
  const said: string[] = []
  const say =
    (level: string) =>
    (message: string): void =>
      void said.push(`${level}: ${message}`)
  return { said, info: say('info'), warn: say('warn'), error: say('error') }
}
