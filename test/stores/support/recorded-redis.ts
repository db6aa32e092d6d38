import type { CommandOptions } from '../../../src/store/redis/connection.ts'
import { RedisConnection } from '../../../src/store/redis/connection.ts'
import type { Script } from '../../../src/store/redis/script.ts'
import { testRedis } from '../../support/services/redis.ts'

/** Scripts and commands on their way to Redis, with a note of all that was said. */
export class RecordedRedis {
  readonly said: (string | Uint8Array)[][] = []
  readonly connection: RedisConnection

  constructor(connection: RedisConnection) {
    this.connection = connection
  }

  get prefix(): string {
    return this.connection.prefix
  }

  evalScript<Answer>(
    script: Script,
    keys: readonly string[],
    args: readonly (string | Uint8Array)[],
    options?: CommandOptions,
  ): Promise<Answer> {
    this.said.push([...keys, ...args])
    return this.connection.evalScript<Answer>(script, keys, args, options)
  }

  run<Answer>(command: readonly (string | Uint8Array)[], options?: CommandOptions): Promise<Answer> {
    this.said.push([...command])
    return this.connection.run<Answer>(command, options)
  }

  /** True when a word of a client, which all hold `word`, can be read in what was said since `from`. */
  tells(from: number): boolean {
    const said = this.said.slice(from).flat()
    if (said.length < 2) throw new Error('nothing was said')
    const texts = said.flatMap((part) => [
      Buffer.from(part as string).toString('latin1'),
      Buffer.from(String(part), 'base64').toString('latin1'),
    ])
    return texts.some((text) => text.includes('word'))
  }
}

/** A connection to the Redis of this run, under names of its own. */
export async function recordedRedis(): Promise<RecordedRedis> {
  const { url, freshPrefix } = await testRedis()
  const connection = new RedisConnection({
    url,
    prefix: freshPrefix(),
    commandTimeoutMs: 2_000,
    now: Date.now,
  })
  await until(() => connection.isUp)
  return new RecordedRedis(connection)
}

/** Asks until it holds, at most five seconds. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it did not come to hold within 5 s')
    await Bun.sleep(5)
  }
}
