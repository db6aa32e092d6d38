import { type ChildProcess, spawn } from 'node:child_process'

/** Where a worker finds its number and port; meaningless without the channel to its parent. */
const VARIABLE = 'XJP_WORKER'

/** What a worker is told at its start. */
export interface WorkerPlace {
  /** From 1 on. */
  number: number
  /** Absent: it takes the port of the configuration, and tells which one that was. */
  port?: number
}

/** A process like this one, started to share its work. */
export interface WorkerProcess {
  readonly pid: number
  /** Nothing happens when it is gone. */
  send(message: unknown): void
  kill(signal: NodeJS.Signals): void
}

export interface WorkerEvents {
  message(message: unknown): void
  /** It is gone, or could not be started. */
  exit(code: number | null, signal: string | null): void
}

/** Starts this program again, with the same arguments, the same places for its output, and a channel to us. */
export function startWorker(place: WorkerPlace, events: WorkerEvents): WorkerProcess {
  const child: ChildProcess = spawn(process.execPath, process.argv.slice(1), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
    env: { ...process.env, [VARIABLE]: JSON.stringify(place) },
  })
  let isGone = false
  const gone = (code: number | null, signal: string | null): void => {
    if (isGone) return
    isGone = true
    events.exit(code, signal)
  }
  child.on('message', (message) => events.message(message))
  child.on('exit', gone)
  child.on('error', () => gone(null, null))
  return {
    pid: child.pid ?? 0,
    send(message) {
      if (!isGone && child.connected) child.send(message as object, () => {})
    },
    kill(signal) {
      if (!isGone) child.kill(signal)
    },
  }
}

/** The channel of a worker to the process that started it. */
export interface ParentChannel {
  readonly place: WorkerPlace
  send(message: unknown): void
  onMessage(listener: (message: unknown) => void): void
  /** The parent is gone. */
  onLost(listener: () => void): void
}

/** Undefined in a process that nobody started as a worker. */
export function parentChannel(): ParentChannel | undefined {
  const given = process.env[VARIABLE]
  if (given === undefined || process.send === undefined) return undefined
  return {
    place: JSON.parse(given) as WorkerPlace,
    send(message) {
      if (process.connected) process.send?.(message, undefined, undefined, () => {})
    },
    onMessage: (listener) => void process.on('message', listener),
    onLost: (listener) => void process.on('disconnect', listener),
  }
}
