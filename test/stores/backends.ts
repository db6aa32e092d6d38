import { join } from 'node:path'
import type { SqlBackend } from '../../src/store/sql/backend.ts'
import type { SqlKind } from '../../src/store/sql/column-types.ts'
import { PostgresBackend } from '../../src/store/sql/postgres.ts'
import { SqliteBackend } from '../../src/store/sql/sqlite.ts'
import { testPostgres } from '../support/services/postgres.ts'
import { temporaryFolder } from '../support/services/processes.ts'

export const sqlKinds: readonly SqlKind[] = ['sqlite', 'postgres']

/** Of an empty database: a file's path, or a URL. */
export async function freshAddress(kind: SqlKind): Promise<string> {
  if (kind === 'sqlite') return join(temporaryFolder('sqlite'), 'data', 'xjp.sqlite')
  return await (await testPostgres()).freshUrl()
}

export function openBackend(kind: SqlKind, address: string): SqlBackend {
  const common = { timeoutMs: 10_000, now: Date.now }
  return kind === 'sqlite'
    ? new SqliteBackend({ ...common, path: address })
    : new PostgresBackend({ ...common, url: address, poolSize: 3 })
}
