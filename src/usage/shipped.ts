import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Position } from './journal.ts'

/** A hint beside the segments: rows before this place are in the store. Wrong by a little it only costs work. */
const NAME = 'shipped'

export function writeShipped(folder: string, { segment, offset }: Position): void {
  writeFileSync(join(folder, NAME), `${segment} ${offset}\n`, { mode: 0o600 })
}

export function readShipped(folder: string): Position {
  try {
    const [, segment, offset] =
      /^(\d{1,15}) (\d{1,15})\n$/.exec(readFileSync(join(folder, NAME), 'utf8')) ?? []
    return { segment: Number(segment ?? 0), offset: Number(offset ?? 0) }
  } catch {
    return { segment: 0, offset: 0 }
  }
}
