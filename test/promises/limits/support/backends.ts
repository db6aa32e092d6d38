import { testPostgres } from '../../../support/services/postgres.ts'
import { testRedis } from '../../../support/services/redis.ts'
import { type Office, type OfficeOptions, openOffice } from '../../keys/support/office.ts'

/** Where limits are counted and where keys and usage are: what one machine has, and what replicas share. */
export const backends: readonly { name: string; open(options?: OfficeOptions): Promise<Office> }[] = [
  { name: 'memory and SQLite', open: (options) => openOffice(options) },
  { name: 'Redis and PostgreSQL', open: (options) => openShared(options) },
]

export async function openShared(options: OfficeOptions = {}): Promise<Office> {
  const [postgres, redis] = await Promise.all([testPostgres(), testRedis()])
  return openOffice({ databaseUrl: await postgres.freshUrl(), redisUrl: redis.url, ...options })
}
