import { constants, type Stats } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { rotate } from './log-rotation.ts'
import { type LogPlace, linesIn, PartlyWritten } from './log-sink.ts'

export interface LogFileOptions {
  path: string
  /** A file that would grow beyond this is put aside. A single longer line gets a file of its own. */
  maxBytes: number
  /** How many files that were put aside are kept. */
  maxFiles: number
  /** Where a trouble of the file is told: once when it begins. */
  tell(text: string): void
  /** How long a pipe that is full is waited for. */
  patienceMs?: number
}

/**
 * Lines are appended, so that several processes may write the same file; a named pipe without a reader must not hold
 * a thread, so nothing blocks.
 */
const FLAGS =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  ((constants.O_NONBLOCK as number | undefined) ?? 0)
const MODE = 0o640
const NEWLINE = 0x0a
const PATIENCE_MILLISECONDS = 2_000
const LOOK_MILLISECONDS = 20
/** After a file could not be put aside it is left to grow for so long. */
const ROTATE_PAUSE_MILLISECONDS = 60_000

/**
 * A log file. It is opened for each batch: one that was moved, emptied, removed or put aside by whoever is followed
 * without a signal, and ten times a second that costs nothing.
 */
export class LogFile implements LogPlace {
  readonly #options: LogFileOptions
  /** The file, by its inode, whose last line is half a line. */
  #torn: number | undefined
  #isTroubled = false
  #rotateAfter = 0

  constructor(options: LogFileOptions) {
    this.#options = options
  }

  async write(text: string): Promise<void> {
    const bytes = Buffer.from(text)
    let at = 0
    try {
      while (at < bytes.length) at += await this.#writeSome(bytes.subarray(at))
      this.#isTroubled = false
    } catch (thrown) {
      this.#trouble(thrown)
      const partly = thrown instanceof Stopped ? thrown.written : 0
      throw new PartlyWritten(linesIn(bytes.subarray(0, at + partly)), thrown)
    }
  }

  /** Writes whole lines, as many as the file has room for; gives how many bytes. */
  async #writeSome(bytes: Uint8Array): Promise<number> {
    const handle = await openIn(this.#options.path)
    try {
      const found = await handle.stat()
      const part = found.isFile() ? await this.#fitting(bytes, found) : bytes
      if (part.length > 0) await this.#append(handle, found.ino, part)
      return part.length
    } finally {
      await handle.close()
    }
  }

  /** The lines that the file has room for; none when it was put aside for the next one. */
  async #fitting(bytes: Uint8Array, found: Stats): Promise<Uint8Array> {
    const room = this.#options.maxBytes - found.size
    if (bytes.length <= room) return bytes
    const fitting = room <= 0 ? 0 : bytes.lastIndexOf(NEWLINE, room - 1) + 1
    if (fitting > 0) return bytes.subarray(0, fitting)
    // One line alone is longer than a file may be.
    if (found.size === 0) return bytes.subarray(0, bytes.indexOf(NEWLINE) + 1)
    // Where the file cannot be put aside: better too long than lost.
    return (await this.#putAside(found)) ? bytes.subarray(0, 0) : bytes
  }

  async #append(handle: FileHandle, inode: number, bytes: Uint8Array): Promise<void> {
    // The next line must not become the end of the half one.
    const all = this.#torn === inode ? Buffer.concat([Buffer.of(NEWLINE), bytes]) : bytes
    let at = 0
    try {
      while (at < all.length) at += await this.#writeWhenItCan(handle, all.subarray(at))
      this.#torn = undefined
    } catch (thrown) {
      if (at > 0) this.#torn = all[at - 1] === NEWLINE ? undefined : inode
      throw new Stopped(Math.max(0, at - (all.length - bytes.length)), thrown)
    }
  }

  /** A pipe may be full for a while. */
  async #writeWhenItCan(handle: FileHandle, bytes: Uint8Array): Promise<number> {
    const until = performance.now() + (this.#options.patienceMs ?? PATIENCE_MILLISECONDS)
    for (;;) {
      try {
        return (await handle.write(bytes, 0, bytes.length, null)).bytesWritten
      } catch (thrown) {
        if (codeOf(thrown) !== 'EAGAIN' || performance.now() > until) throw thrown
        await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS))
      }
    }
  }

  /** False when the file has to grow on. */
  async #putAside(found: Stats): Promise<boolean> {
    const now = performance.now()
    if (now < this.#rotateAfter) return false
    try {
      return await rotate(this.#options.path, found, this.#options.maxFiles)
    } catch (thrown) {
      this.#rotateAfter = now + ROTATE_PAUSE_MILLISECONDS
      this.#options.tell(
        `the log file ${this.#options.path} cannot be put aside and grows on: ${reasonOf(thrown)}`,
      )
      return false
    }
  }

  #trouble(thrown: unknown): void {
    if (this.#isTroubled) return
    this.#isTroubled = true
    const { path, tell } = this.#options
    tell(`the log file ${path} cannot be written; lines are lost until it can: ${reasonOf(thrown)}`)
  }
}

/** A write that came to a stop on its way. */
class Stopped extends Error {
  readonly written: number

  constructor(written: number, cause: unknown) {
    super('the write stopped', { cause })
    this.written = written
  }
}

async function openIn(path: string): Promise<FileHandle> {
  try {
    return await open(path, FLAGS, MODE)
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw thrown
    await mkdir(dirname(path), { recursive: true })
    return open(path, FLAGS, MODE)
  }
}

function codeOf(thrown: unknown): string | undefined {
  return (thrown as NodeJS.ErrnoException | undefined)?.code
}

function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Stopped ? thrown.cause : thrown
  return cause instanceof Error ? cause.message : String(cause)
}
