import { watch } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import type { LoadResult } from './load.ts'
import type { Problem } from './problem.ts'
import type { Snapshot } from './snapshot.ts'

export type ReloadReport = { ok: true; version: string } | { ok: false; problems: Problem[] }

/** What is live, and why the newest attempt to change it was refused. */
export interface ReloadStatus {
  liveVersion: string
  /** When the live snapshot was loaded, in milliseconds since 1970. */
  loadedAt: number
  /** Absent when the last load succeeded. */
  lastError?: { at: number; problems: Problem[] }
}

export interface ReloadOptions {
  snapshot: Snapshot
  /** Reads the configuration again from the same place; see `load`. */
  load(): LoadResult
  /** Milliseconds since 1970. */
  now(): number
  /** Called after every attempt; a new snapshot is live by then. */
  onReload(report: ReloadReport): void
}

/** Holds the live snapshot. A reload builds the next one beside it and swaps it whole, or changes nothing. */
export class LiveConfig {
  readonly #options: ReloadOptions
  #snapshot: Snapshot
  #status: ReloadStatus

  constructor(options: ReloadOptions) {
    this.#options = options
    this.#snapshot = options.snapshot
    this.#status = { liveVersion: options.snapshot.version, loadedAt: options.now() }
  }

  /** The live snapshot; a call takes it once and keeps it. */
  get snapshot(): Snapshot {
    return this.#snapshot
  }

  status(): ReloadStatus {
    return { ...this.#status }
  }

  reload(): ReloadReport {
    const report = this.#attempt()
    this.#options.onReload(report)
    return report
  }

  #attempt(): ReloadReport {
    const result = this.#options.load()
    const at = this.#options.now()
    if (!result.ok) {
      this.#status = { ...this.#status, lastError: { at, problems: result.problems } }
      return { ok: false, problems: result.problems }
    }
    this.#snapshot = result.snapshot
    this.#status = { liveVersion: result.snapshot.version, loadedAt: at }
    return { ok: true, version: result.snapshot.version }
  }
}

/** Editors write in several steps (truncate, write, rename); one pause without events ends a change. */
const QUIET_MILLISECONDS = 150

/**
 * Calls `changed` after the file was written, replaced or renamed into place. It is the folder that is watched: a
 * watch on the file itself ends with the file an editor renames away, and mounted configurations (Kubernetes) swap
 * a link beside the file. Gives the function that stops watching.
 */
export function watchConfigFile(file: string, cwd: string, changed: () => void): () => void {
  const path = isAbsolute(file) ? file : join(cwd, file)
  const name = basename(path)
  let timer: ReturnType<typeof setTimeout> | undefined
  const watcher = watch(dirname(path), { persistent: false }, (_, other) => {
    if (other !== null && other !== name && !isLinkSwap(other)) return
    clearTimeout(timer)
    timer = setTimeout(changed, QUIET_MILLISECONDS)
  })
  // A folder that vanishes ends the watch, not the gateway: what is live stays live.
  watcher.on('error', () => watcher.close())
  return () => {
    clearTimeout(timer)
    watcher.close()
  }
}

/** Kubernetes projects a volume through `..data`, a link that it replaces. */
function isLinkSwap(name: string): boolean {
  return name === '..data'
}
