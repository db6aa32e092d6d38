import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { percentile } from './figure.ts'

/** What the polls of one address gave. */
export interface Polls {
  milliseconds: number[]
  /** How many polls had which status; 0: no answer. */
  statuses: Map<number, number>
}

/** The server beside it that does nothing: what it takes is the machine's own delay. */
export const BARE = 'bare'

export interface Poller {
  /** Everything since the last time, by name; with `bare`. */
  take(): Map<string, Polls>
  stop(): Promise<void>
}

const driver = resolve(import.meta.dir, 'poll-driver.ts')

/** Asks addresses many times a second from a process of its own, and beside them a server that does nothing. */
export async function startPoller(
  urls: Readonly<Record<string, string>>,
  perSecond: number,
): Promise<Poller> {
  const children: ChildProcess[] = []
  const ended: Promise<unknown>[] = []
  const start = (...args: string[]): ChildProcess => {
    const child = spawn(process.execPath, [driver, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(child)
    ended.push(new Promise((done) => child.once('exit', done)))
    return child
  }
  const bare = await firstLine(start('bare'))
  const targets = Object.entries({ ...urls, [BARE]: bare }).map(([name, url]) => `${name}=${url}`)
  let polls = new Map<string, Polls>()
  const polling = start('poll', String(perSecond), ...targets)
  if (polling.stdout)
    createInterface(polling.stdout).on('line', (line) => {
      const [name = '', status, milliseconds] = line.split(' ')
      const of: Polls = polls.get(name) ?? { milliseconds: [], statuses: new Map() }
      polls.set(name, of)
      of.milliseconds.push(Number(milliseconds))
      of.statuses.set(Number(status), (of.statuses.get(Number(status)) ?? 0) + 1)
    })
  return {
    take: () => {
      const taken = polls
      polls = new Map()
      return taken
    },
    async stop() {
      for (const child of children) child.stdin?.end()
      await Promise.all(ended)
    },
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    child.stdout?.once('data', (chunk: Buffer) => found(chunk.toString().trim()))
    child.once('exit', (code) => failed(new Error(`the server beside ended with code ${code}`)))
  })
}

/** `limitMs`, loosened by what the machine itself takes: what 99 of 100 polls may take. */
export function allowedMs(limitMs: number, polls: ReadonlyMap<string, Polls>): number {
  return limitMs + percentile(polls.get(BARE)?.milliseconds ?? [], 0.99)
}
