import { closeSync, openSync, readdirSync, readSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type JournalRecord, readLine } from './journal-record.ts'

/** Files of one gateway's journal: `00000001.log`, `00000002.log` … */
const NAME = /^(\d{8})\.log$/

export function segmentPath(folder: string, segment: number): string {
  return join(folder, `${String(segment).padStart(8, '0')}.log`)
}

/** Numbers of the segments in a folder, oldest first; none when there is no such folder. */
export function segmentsIn(folder: string): number[] {
  return namesIn(folder)
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

/** Names in a folder; none when it is not there. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (thrown) {
    if (isMissing(thrown)) return []
    throw thrown
  }
}

export function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (thrown) {
    if (isMissing(thrown)) return 0
    throw thrown
  }
}

export function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown
  }
}

export function isMissing(thrown: unknown): boolean {
  return (thrown as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
}

export interface SegmentPiece {
  records: JournalRecord[]
  /** Lines that are torn or altered. */
  damaged: number
  /** Where the next piece begins. */
  end: number
}

const PIECE_BYTES = 256 * 1024
const NEWLINE = 0x0a

/**
 * The records of a segment from an offset on, in pieces that block nobody for long. A line whose checksum is wrong is
 * left out and counted; the lines before and behind it stand. A last line without its newline is torn, unless
 * `isGrowing`: then it is still being written and belongs to the next piece.
 */
export function* readSegment(path: string, from = 0, isGrowing = false): Generator<SegmentPiece> {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (thrown) {
    if (isMissing(thrown)) return
    throw thrown
  }
  try {
    let at = from
    let size = PIECE_BYTES
    for (;;) {
      const buffer = Buffer.allocUnsafe(size)
      const length = readSync(file, buffer, 0, size, at)
      if (length === 0) return
      const isLast = length < size
      const lineEnd = buffer.lastIndexOf(NEWLINE, length - 1) + 1
      if (lineEnd === 0 && !isLast) {
        size *= 2
        continue
      }
      const whole = isLast && !isGrowing ? length : lineEnd
      if (whole === 0) return
      at += whole
      size = PIECE_BYTES
      yield { ...recordsOf(buffer.toString('utf8', 0, whole)), end: at }
    }
  } finally {
    closeSync(file)
  }
}

function recordsOf(text: string): Omit<SegmentPiece, 'end'> {
  const records: JournalRecord[] = []
  let damaged = 0
  for (const line of text.split('\n')) {
    if (line === '') continue
    const record = readLine(line)
    if (record) records.push(record)
    else damaged += 1
  }
  return { records, damaged }
}
