import type { Stats } from 'node:fs'
import { open, readdir, rename, stat, truncate, unlink } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

/** Moving a few names takes milliseconds: whoever holds the lock longer is gone. */
const STALE_MILLISECONDS = 10_000

/**
 * Puts a file aside: `path` becomes `path.1`, that one `path.2` and so on, beyond `keep` they are removed; with none
 * to keep the file is emptied. Of several processes that find it full at the same time one does it: a lock file keeps
 * the others away, and the file must still be the one that was found. Gives false when another process is at it. Throws
 * when the folder does not allow it.
 */
export async function rotate(
  path: string,
  found: Pick<Stats, 'ino' | 'dev' | 'size'>,
  keep: number,
): Promise<boolean> {
  const lock = `${path}.lock`
  if (!(await taken(lock))) return false
  try {
    const now = await stat(path).catch(() => undefined)
    // Another process was faster: its new file is not begun yet, or is there.
    if (!now || now.ino !== found.ino || now.dev !== found.dev || now.size < found.size) return true
    // Emptied in place, a process that is about to append to it loses nothing.
    if (keep === 0) await truncate(path)
    else await shift(path, keep)
    return true
  } finally {
    await unlink(lock).catch(() => {})
  }
}

async function taken(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx')).close()
    return true
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
    const held = await stat(lock).catch(() => undefined)
    // Its owner died with it. The next one who finds the file full takes it.
    if (held && Date.now() - held.mtimeMs > STALE_MILLISECONDS) await unlink(lock).catch(() => {})
    return false
  }
}

async function shift(path: string, keep: number): Promise<void> {
  const numbers = await putAside(path)
  for (const number of numbers.sort((one, other) => other - one)) {
    if (number >= keep) await unlink(`${path}.${number}`)
    else await rename(`${path}.${number}`, `${path}.${number + 1}`)
  }
  await rename(path, `${path}.1`)
}

async function putAside(path: string): Promise<number[]> {
  const before = `${basename(path)}.`
  const names = await readdir(dirname(path))
  return names
    .filter((name) => name.startsWith(before) && /^[1-9]\d{0,3}$/.test(name.slice(before.length)))
    .map((name) => Number(name.slice(before.length)))
}
