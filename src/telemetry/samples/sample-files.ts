import { type FileHandle, mkdir, open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogPlace } from '../log-sink.ts'

const DAY_MILLISECONDS = 86_400_000
const NAME = /^(\d{4}-\d{2}-\d{2})\.jsonl$/
/** Nobody but the gateway's own user reads what people wrote. */
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
/** A day that would take more than this keeps what it has. */
const MAXIMUM_DAY_BYTES = 256 * 1024 * 1024

/** A folder with one file a day (UTC), `2026-11-21.jsonl`. */
export class SampleFiles implements LogPlace {
  readonly #folder: string
  /** Milliseconds since 1970. */
  readonly #now: () => number

  constructor(folder: string, now: () => number) {
    this.#folder = folder
    this.#now = now
  }

  /** Rejects when the day is full. */
  async write(text: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE })
    const day = new Date(this.#now()).toISOString().slice(0, 10)
    const file = await open(join(this.#folder, `${day}.jsonl`), 'a', FILE_MODE)
    try {
      await append(file, Buffer.from(text))
    } finally {
      await file.close()
    }
  }

  /** Removes every day whose first moment is so many days ago; gives how many there were. */
  async removeOlder(days: number): Promise<number> {
    const before = this.#now() - days * DAY_MILLISECONDS
    let removed = 0
    for (const name of await this.#names()) {
      const day = NAME.exec(name)?.[1]
      if (day === undefined || !(Date.parse(day) <= before)) continue
      // Another process may have been faster.
      await unlink(join(this.#folder, name)).catch(unlessMissing)
      removed += 1
    }
    return removed
  }

  async #names(): Promise<string[]> {
    return (await readdir(this.#folder).catch(unlessMissing)) ?? []
  }
}

function unlessMissing(thrown: unknown): void {
  if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown
}

async function append(file: FileHandle, bytes: Uint8Array): Promise<void> {
  const { size, mode } = await file.stat()
  if (size + bytes.length > MAXIMUM_DAY_BYTES) throw new Error('the day is full')
  if ((mode & 0o777) !== FILE_MODE) await file.chmod(FILE_MODE)
  for (let at = 0; at < bytes.length; )
    at += (await file.write(bytes, at, bytes.length - at, null)).bytesWritten
}
