type Back = (() => void) | undefined

/**
 * Finds out how late the loop is with what comes in: a byte goes over a connection of our own, behind all that other
 * connections have brought before it. A timer would not see that: the runtime looks at it between two turns, while
 * thousands of connections still wait for theirs.
 */
export class LoopProbe {
  #near: Bun.Socket<undefined> | undefined
  #opening = false
  #back: Back

  /** The connection stands before the first call comes, so that what a process holds does not grow with its work. */
  constructor() {
    void this.#open()
  }

  /** Calls back when the byte has come; where no connection can be opened, in the next turn of the loop. One at a time. */
  send(back: () => void): void {
    this.#back = back
    if (this.#near === undefined) void this.#open()
    else this.#write()
  }

  #write(): void {
    if (this.#near?.write(BYTE) === 1) return
    this.#near?.terminate()
    this.#near = undefined
    this.#inNextTurn()
  }

  async #open(): Promise<void> {
    if (this.#opening) return
    this.#opening = true
    try {
      this.#near = await pair(
        () => this.#arrived(),
        () => this.#lost(),
      )
      if (this.#back) this.#write()
    } catch {
      this.#inNextTurn()
    }
    this.#opening = false
  }

  #inNextTurn(): void {
    setImmediate(() => this.#arrived())
  }

  #arrived(): void {
    const back = this.#back
    this.#back = undefined
    back?.()
  }

  #lost(): void {
    this.#near = undefined
    this.#arrived()
  }
}

const BYTE = new Uint8Array([1])

/** Two ends of one connection within this process; gives the one to write to. Neither keeps the process alive. */
async function pair(arrived: () => void, lost: () => void): Promise<Bun.Socket<undefined>> {
  let expected = 0
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        // Whoever else found the port in this moment has no business here.
        if (expected !== 0 && socket.remotePort !== expected) socket.terminate()
        socket.unref()
      },
      data: arrived,
      close: lost,
      error: () => {},
    },
  })
  server.unref()
  try {
    const near = await Bun.connect<undefined>({
      hostname: '127.0.0.1',
      port: server.port,
      socket: {
        open(socket) {
          expected = socket.localPort
        },
        data: () => {},
        close: lost,
        error: () => {},
      },
    })
    near.unref()
    near.setNoDelay(true)
    return near
  } finally {
    server.stop(false)
  }
}
