import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Fields, fields } from '../../../rig/json.ts'

/** The records of a log, and how many lines are none. */
export function recordsIn(text: string): { records: Fields[]; odd: string[] } {
  const records: Fields[] = []
  const odd: string[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    try {
      records.push(fields(JSON.parse(line)))
    } catch {
      odd.push(line)
    }
  }
  return { records, odd }
}

/** Every file under a folder, by its path within it; what is not text is read byte by byte. */
export function filesUnder(folder: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found[path.slice(folder.length + 1)] = readFileSync(path, 'latin1')
  }
  return found
}

/** Looks again and again until something is there; fails after the time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  milliseconds = 10_000,
): Promise<void> {
  const deadline = performance.now() + milliseconds
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${milliseconds} ms`)
    await Bun.sleep(10)
  }
}
