import { type CreateTableBuilder, type Kysely, sql } from 'kysely'
import { type Columns, type ColumnType, columnTypes, type SqlKind } from './column-types.ts'

/** What a step may use. Tables are named as texts here: a migration knows the schema of its own time only. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's own type for a database whose tables are being made.
export type Schema = Kysely<any>

/** One statement or a few that belong together: done whole or not at all, and then never again. */
export interface MigrationStep {
  name: string
  run(database: Schema, kind: SqlKind): Promise<unknown>
  /**
   * Outside a transaction (an index that is built `concurrently`). It may be run again after it was interrupted, so
   * it first removes what an interrupted one left.
   */
  alone?: boolean
}

/** Migrations are never changed once they were released: a new one is added behind them. */
export interface Migration {
  /** 1, 2, 3 … */
  version: number
  steps: readonly MigrationStep[]
}

type Table = CreateTableBuilder<string, string>

/** Columns by name; one with `?` may be null. */
function createTable(
  name: string,
  columns: Columns & Readonly<Record<string, ColumnType>>,
  nullable: readonly string[],
  keys: readonly [string, ...string[]],
): MigrationStep['run'] {
  return async (database, kind) => {
    let table: Table = database.schema.createTable(name)
    for (const [column, type] of Object.entries(columns))
      table = table.addColumn(column, columnTypes[kind][type], (definition) =>
        nullable.includes(column) ? definition : definition.notNull(),
      )
    table = table.addPrimaryKeyConstraint(`${name}_pkey`, [...keys])
    // SQLite checks the kinds of values only in tables that are declared strict.
    if (kind === 'sqlite') table = table.modifyEnd(sql`strict`)
    await table.execute()
  }
}

function createIndex(
  name: string,
  table: string,
  columns: readonly string[],
  unique = false,
): MigrationStep['run'] {
  return async (database) => {
    const index = database.schema
      .createIndex(name)
      .on(table)
      .columns([...columns])
    await (unique ? index.unique() : index).execute()
  }
}

const amounts = {
  input_tokens: 'count',
  output_tokens: 'count',
  cache_read_tokens: 'count',
  cache_write_tokens: 'count',
  reasoning_tokens: 'count',
  cost_milli: 'count',
  cost_pico: 'count',
} as const

const keysAndSettings: Migration = {
  version: 1,
  steps: [
    {
      name: 'create counters',
      async run(database, kind) {
        await createTable('counters', { name: 'text', value: 'count' }, [], ['name'])(database, kind)
        await database.insertInto('counters').values({ name: 'keys', value: 0 }).execute()
      },
    },
    {
      name: 'create settings',
      run: createTable('settings', { name: 'text', value: 'text' }, [], ['name']),
    },
    {
      name: 'create api_keys',
      run: createTable(
        'api_keys',
        {
          id: 'text',
          hash: 'text',
          prefix: 'text',
          tenant: 'text',
          description: 'text',
          scopes: 'text',
          limits: 'text',
          unlimited_requests: 'flag',
          tags: 'text',
          enabled: 'flag',
          created_at: 'count',
          expires_at: 'count',
          last_used_at: 'count',
          previous_hash: 'text',
          previous_until: 'count',
          deleted_at: 'count',
          revision: 'count',
          position: 'count',
        },
        ['expires_at', 'last_used_at', 'previous_hash', 'previous_until', 'deleted_at'],
        ['id'],
      ),
    },
    { name: 'index hash', run: createIndex('api_keys_hash', 'api_keys', ['hash'], true) },
    {
      name: 'index previous_hash',
      run: createIndex('api_keys_previous_hash', 'api_keys', ['previous_hash']),
    },
    { name: 'index revision', run: createIndex('api_keys_revision', 'api_keys', ['revision'], true) },
    { name: 'index position', run: createIndex('api_keys_position', 'api_keys', ['position'], true) },
    { name: 'index tenant', run: createIndex('api_keys_tenant', 'api_keys', ['tenant', 'position']) },
  ],
}

const usage: Migration = {
  version: 2,
  steps: [
    {
      name: 'create usage_requests',
      run: createTable(
        'usage_requests',
        {
          id: 'text',
          request_id: 'text',
          tenant: 'text',
          key_id: 'text',
          endpoint: 'text',
          model: 'text',
          provider: 'text',
          route: 'text',
          stream: 'flag',
          status: 'count',
          error_type: 'text',
          end_reason: 'text',
          usage_source: 'text',
          price_version: 'text',
          replay: 'flag',
          started_at: 'count',
          day: 'text',
          milliseconds: 'real',
          first_byte_milliseconds: 'real',
          bytes_sent: 'count',
          tags: 'text',
          ...amounts,
        },
        ['key_id', 'provider', 'route', 'error_type', 'price_version', 'first_byte_milliseconds'],
        ['id'],
      ),
    },
    {
      name: 'create usage_attempts',
      run: createTable(
        'usage_attempts',
        {
          request: 'text',
          attempt: 'count',
          provider: 'text',
          model: 'text',
          started_at: 'count',
          milliseconds: 'real',
          status: 'count',
          error_type: 'text',
          usage_source: 'text',
          ...amounts,
        },
        ['error_type'],
        ['request', 'attempt'],
      ),
    },
    {
      name: 'create usage_days',
      run: createTable(
        'usage_days',
        {
          day: 'text',
          tenant: 'text',
          key_id: 'text',
          model: 'text',
          provider: 'text',
          requests: 'count',
          ...amounts,
        },
        [],
        ['day', 'tenant', 'key_id', 'model', 'provider'],
      ),
    },
    { name: 'index time', run: createIndex('usage_requests_time', 'usage_requests', ['started_at', 'id']) },
    {
      name: 'index tenant',
      run: createIndex('usage_requests_tenant', 'usage_requests', ['tenant', 'started_at', 'id']),
    },
    {
      name: 'index key',
      run: createIndex('usage_requests_key', 'usage_requests', ['key_id', 'started_at', 'id']),
    },
    { name: 'index days by tenant', run: createIndex('usage_days_tenant', 'usage_days', ['tenant', 'day']) },
    { name: 'index days by key', run: createIndex('usage_days_key', 'usage_days', ['key_id', 'day']) },
  ],
}

export const migrations: readonly Migration[] = [keysAndSettings, usage]
