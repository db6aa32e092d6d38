/** The guard's own process, as far as it is used here. */
export interface GuardProcess {
  /** Synchronous: what was written is in the kernel when it returns. */
  write(text: string): void
  exited: Promise<number>
}

export type StartGuard = (command: string[], environment: Record<string, string>) => GuardProcess

/**
 * A second process that ends children when we cannot: it holds the reading end of a pipe from us, so it notices
 * our death whatever its cause (promise L6), and kills every group that was not released. On release it looks for
 * processes that left their group and still carry their call's mark, and ends them too (promise L4).
 *
 * PDEATHSIG would be cheaper, but it does not reach grandchildren, is lost on set-user-ID programs, and follows a
 * thread instead of the process. What the guard cannot see: a descendant that left the group and wiped its
 * environment. Marks are read from /proc, so beyond Linux only the groups are ended.
 */
export class ProcessGuard {
  readonly #start: StartGuard
  readonly #live = new Map<string, number>()
  #process: GuardProcess | undefined

  constructor(start: StartGuard) {
    this.#start = start
  }

  /** Announces a child before it is started, so that no moment is left in which it could be orphaned. */
  expect(id: string): void {
    this.#live.set(id, 0)
    this.#tell(`+ ${id} 0\n`)
  }

  watch(id: string, pid: number): void {
    this.#live.set(id, pid)
    this.#tell(`+ ${id} ${pid}\n`)
  }

  release(id: string): void {
    this.#live.delete(id)
    this.#tell(`- ${id}\n`)
  }

  #tell(line: string): void {
    if (this.#process) {
      this.#process.write(line)
      return
    }
    const started = this.#start([process.execPath, '-e', `(${keepWatch.toString()})()`], {
      // A compiled gateway is its own runtime: this makes the executable behave as one.
      BUN_BE_BUN: '1',
    })
    this.#process = started
    const forget = (): void => {
      if (this.#process === started) this.#process = undefined
    }
    started.exited.then(forget, forget)
    started.write([...this.#live].map(([id, pid]) => `+ ${id} ${pid}\n`).join('') + line)
  }
}

/** The guard's whole program. It runs in a process of its own, from its text: it can use nothing of this module. */
function keepWatch(): void {
  const { readdirSync, readFileSync } = process.getBuiltinModule('node:fs')
  const groups = new Map<string, number>()

  const kill = (pid: number): void => {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
  const environmentOf = (entry: string): string => {
    try {
      return readFileSync(`/proc/${entry}/environ`, 'latin1')
    } catch {
      return ''
    }
  }
  const processes = (): string[] => {
    try {
      return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
    } catch {
      return []
    }
  }
  // Again until nothing is found: a process may fork while we look.
  const sweep = (ids: string[]): void => {
    const marks = ids.map((id) => `XJP_PROCESS=${id}\0`)
    for (let round = 0, found = true; found && round < 50; round += 1) {
      found = false
      for (const entry of processes()) {
        const environment = environmentOf(entry)
        if (!marks.some((mark) => environment.includes(mark))) continue
        found = true
        kill(Number(entry))
      }
    }
  }
  const obey = (line: string): void => {
    const [order, id = '', pid = '0'] = line.split(' ')
    if (order === '+') groups.set(id, Number(pid))
    else if (groups.delete(id)) sweep([id])
  }

  let rest = ''
  process.stdin.setEncoding('latin1')
  process.stdin.on('data', (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) obey(line)
  })
  process.stdin.on('end', () => {
    for (const pid of groups.values()) if (pid > 1) kill(-pid)
    if (groups.size > 0) sweep([...groups.keys()])
    process.exit(0)
  })
  // A signal to all processes of a service must not end the guard before those it watches.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
}
