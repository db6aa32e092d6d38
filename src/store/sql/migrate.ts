import { type Kysely, sql } from 'kysely'
import type { MigrationSession, SqlBackend } from './backend.ts'
import { columnTypes, type SqlKind } from './column-types.ts'
import type { Migration, MigrationStep } from './migrations.ts'
import { NewerSchema } from './newer-schema.ts'
import type { Tables } from './tables.ts'

export interface MigrationReport {
  kind: SqlKind
  /** Version of the schema before and after; 0 is an empty database. */
  from: number
  to: number
  /** Steps that this process did: `2: create usage_days`. */
  steps: string[]
}

/** How far a database is. */
interface Standing {
  /** Highest version of which every step that this program knows is done. */
  version: number
  /** Names as `2.0`, for every step that is done. */
  done: ReadonlySet<string>
}

/**
 * Brings a database's schema up to date, together with any number of other processes that do the same: one of them
 * works, the others wait for it. Every step is recorded in its own transaction, so whoever is killed is continued.
 * Rejects with `NewerSchema` when the database is a newer release's, and changes nothing then.
 *
 * @param waitMs how long another process that migrates is waited for
 */
export async function migrate(
  backend: SqlBackend,
  migrations: readonly Migration[],
  options: { now: () => number; waitMs: number },
): Promise<MigrationReport> {
  const before = await backend.read((database) => standing(database, backend.kind, migrations))
  const report = { kind: backend.kind, from: before.version, to: before.version, steps: [] }
  if (isComplete(before, migrations)) return report
  return await backend.migrating(
    (session) => migrateAlone(session, migrations, { ...report, now: options.now }),
    options.waitMs,
  )
}

async function migrateAlone(
  session: MigrationSession,
  migrations: readonly Migration[],
  { now, ...report }: MigrationReport & { now: () => number },
): Promise<MigrationReport> {
  await session.transaction((database) => createBook(database, session.kind))
  for (const { version, steps } of migrations) {
    for (const [index, step] of steps.entries()) {
      const place = { version, step: index, name: step.name }
      if (await runOnce(session, migrations, step, place, now)) report.steps.push(`${version}: ${step.name}`)
    }
  }
  return { ...report, to: migrations.at(-1)?.version ?? 0 }
}

type Place = Pick<Tables['schema_steps'], 'version' | 'step' | 'name'>

/** False when it was done already. */
async function runOnce(
  session: MigrationSession,
  migrations: readonly Migration[],
  step: MigrationStep,
  place: Place,
  now: () => number,
): Promise<boolean> {
  const isDone = async (database: Kysely<Tables>): Promise<boolean> =>
    (await standing(database, session.kind, migrations)).done.has(`${place.version}.${place.step}`)
  const record = (database: Kysely<Tables>): Promise<unknown> =>
    database
      .insertInto('schema_steps')
      .values({ ...place, done_at: now() })
      .execute()
  if (!step.alone)
    return session.transaction(async (database) => {
      if (await isDone(database)) return false
      await step.run(database, session.kind)
      await record(database)
      return true
    })
  if (await session.transaction(isDone)) return false
  await session.alone((database) => step.run(database, session.kind))
  await session.transaction(record)
  return true
}

async function createBook(database: Kysely<Tables>, kind: SqlKind): Promise<void> {
  const types = columnTypes[kind]
  await database.schema
    .createTable('schema_steps')
    .ifNotExists()
    .addColumn('version', types.count, (column) => column.notNull())
    .addColumn('step', types.count, (column) => column.notNull())
    .addColumn('name', types.text, (column) => column.notNull())
    .addColumn('done_at', types.count, (column) => column.notNull())
    .addPrimaryKeyConstraint('schema_steps_pkey', ['version', 'step'])
    .execute()
}

async function standing(
  database: Kysely<Tables>,
  kind: SqlKind,
  migrations: readonly Migration[],
): Promise<Standing> {
  if (!(await hasBook(database, kind))) return { version: 0, done: new Set() }
  const rows = await database.selectFrom('schema_steps').select(['version', 'step']).execute()
  const known = migrations.at(-1)?.version ?? 0
  const found = rows.reduce((highest, row) => Math.max(highest, row.version), 0)
  if (found > known) throw new NewerSchema(found, known)
  const done = new Set(rows.map((row) => `${row.version}.${row.step}`))
  const complete = migrations.findIndex(
    (migration) => !migration.steps.every((_, index) => done.has(`${migration.version}.${index}`)),
  )
  return { version: (complete < 0 ? migrations.at(-1) : migrations[complete - 1])?.version ?? 0, done }
}

/** Asked of the catalogue: a failed look into a table that is not there would spoil PostgreSQL's transaction. */
async function hasBook(database: Kysely<Tables>, kind: SqlKind): Promise<boolean> {
  const { rows } = await catalogue[kind].execute(database)
  return rows.length > 0
}

const catalogue = {
  sqlite: sql`select 1 from sqlite_master where name = 'schema_steps'`,
  // In the schema that unqualified names are made in.
  postgres: sql`select 1 from pg_tables where schemaname = current_schema() and tablename = 'schema_steps'`,
}

function isComplete(standing: Standing, migrations: readonly Migration[]): boolean {
  return migrations.every(({ version, steps }) =>
    steps.every((_, index) => standing.done.has(`${version}.${index}`)),
  )
}
