import {
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { isMissing, removeFile } from './segments.ts'

/** Who a journal's folder belongs to: enough to see from another process whether that gateway still runs. */
interface Owner {
  pid: number
  /** When the process began, as the kernel counts; a number that was given out again has another. */
  started: string
  /** Machine since its last start, and the namespace in which the number means something. */
  world: string
}

const NAME = 'owner.json'
/** How often a live gateway says so, and for how long it is believed to live where its number cannot be looked up. */
export const BEAT_MILLISECONDS = 5_000
const STALE_MILLISECONDS = 30_000

/** Makes the folder of this process. It never stands there without its owner: others would take it for abandoned. */
export function claimFolder(folder: string): void {
  const made = `${folder}.new`
  mkdirSync(made, { recursive: true, mode: 0o700 })
  writeFileSync(join(made, NAME), JSON.stringify(ownerOf(process.pid)), { mode: 0o600 })
  renameSync(made, folder)
}

/** Says so again; false when the folder was taken away. */
export function beat(folder: string, now: number): boolean {
  try {
    utimesSync(join(folder, NAME), now / 1000, now / 1000)
    return true
  } catch (thrown) {
    if (isMissing(thrown)) return false
    throw thrown
  }
}

/** The folder has no owner any more: the next gateway takes it over at once. */
export function leaveFolder(folder: string): void {
  removeFile(join(folder, NAME))
}

/** Whether the gateway that wrote here can still write. `now` in milliseconds since 1970. */
export function isOwnerAlive(folder: string, now: number): boolean {
  const path = join(folder, NAME)
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as Owner
    if (owner.world === worldOf()) return startOf(owner.pid) === owner.started
    // Another machine on a shared disk, another container, or this machine before its last start.
    return Math.abs(now - statSync(path).mtimeMs) < STALE_MILLISECONDS
  } catch (thrown) {
    // No file: it was left in order, or never claimed. No JSON: it was being written when the power went.
    if (isMissing(thrown) || thrown instanceof SyntaxError) return false
    throw thrown
  }
}

function ownerOf(pid: number): Owner {
  return { pid, started: startOf(pid) ?? '', world: worldOf() }
}

/** Undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    // The name in parentheses may hold anything; the start is the nineteenth word behind the state.
    const words = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ...rest] = words.slice(words.lastIndexOf(')') + 2).split(' ')
    // A process that has ended and was not fetched yet still has its number.
    return state === 'Z' || state === 'X' ? undefined : rest[18]
  } catch {
    return hasProc() ? undefined : runningWithoutProc(pid)
  }
}

function hasProc(): boolean {
  return statSync('/proc/self/stat', { throwIfNoEntry: false }) !== undefined
}

function runningWithoutProc(pid: number): string | undefined {
  try {
    process.kill(pid, 0)
    return ''
  } catch {
    return undefined
  }
}

function worldOf(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return ''
  }
}
