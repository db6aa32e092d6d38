import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely'
import pg, { Client, type ClientConfig } from 'pg'
import type { Tables } from './tables.ts'

const INT8 = 20

/** Whole numbers come as numbers as long as these are exact, else as bigint; the driver's own way is text. */
const types: ClientConfig['types'] = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary'
      ? wholeNumber
      : pg.types.getTypeParser(oid, format as 'text')) as never,
}

function wholeNumber(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

export interface PostgresAddress {
  url: string
  timeoutMs: number
}

/**
 * Settings of a connection. The server ends what takes too long by itself, and also a transaction whose client stood
 * still in the middle of it: it may hold the lock that orders the changes of keys.
 */
export function connectionConfig({ url, timeoutMs }: PostgresAddress, statementMs: number): ClientConfig {
  return {
    connectionString: url,
    types,
    application_name: 'xjp-gateway',
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: statementMs,
    idle_in_transaction_session_timeout: Math.max(timeoutMs, 1_000),
  }
}

/** Ends a connection without a word: a server that is frozen would not answer one. */
export function destroy(client: Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}

/** Kysely on one connection, so that a transaction and its time are in one hand. */
export function kyselyOn(client: Client): Kysely<Tables> {
  const only: PostgresPoolClient = {
    query: client.query.bind(client) as unknown as PostgresPoolClient['query'],
    release: () => {},
  }
  return new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: { connect: async () => only, end: async () => {}, options: {} } }),
  })
}

/**
 * A connection outside the pool, for `work` alone. Everything together takes at most `ms`: then the connection is
 * ended and the promise rejects.
 */
export async function withOwnClient<Value>(
  config: ClientConfig,
  ms: number | undefined,
  work: (client: Client) => Promise<Value>,
): Promise<Value> {
  const client = new Client(config)
  client.on('error', () => {})
  try {
    return await within(ms, client, async () => {
      await client.connect()
      return await work(client)
    })
  } finally {
    client.end().catch(() => {})
  }
}

/** Ends the connection when `work` takes longer than `ms`, and rejects at that moment, whatever the driver says. */
export async function within<Value>(
  ms: number | undefined,
  client: Client,
  work: () => Promise<Value>,
): Promise<Value> {
  if (ms === undefined) return await work()
  let timer: ReturnType<typeof setTimeout> | undefined
  let isDone = false
  const late = new Promise<never>((_resolve, reject) => {
    // The loop may have stood still while the answer came: what has arrived is read before it is given up.
    timer = setTimeout(() => {
      setImmediate(() =>
        setImmediate(() => {
          if (isDone) return
          reject(new TimedOut(ms))
          destroy(client)
        }),
      )
    }, ms)
  })
  const working = work()
  working.catch(() => {})
  try {
    return await Promise.race([working, late])
  } finally {
    isDone = true
    clearTimeout(timer)
  }
}

export class TimedOut extends Error {
  constructor(ms: number) {
    super(`no answer within ${Math.ceil(ms)} ms`)
    this.name = 'TimedOut'
  }
}
