import { createServer, type Server, type Socket } from 'node:net'
import type { Fault } from '../fault/fault.ts'
import { type Delivery, deliver, type Presence, pause } from './deliver.ts'
import { type RawRequest, RequestReader } from './read-request.ts'
import { bytesOf, type Reply } from './reply.ts'

/** What answers one request. */
export interface Turn {
  reply: Reply
  fault: Fault
  /** Told when the answer is over. `leftAfterMs`: the client went first, so long after its request was complete. */
  finished(delivery: Delivery, leftAfterMs: number | undefined): void
}

/** `connection` numbers the connections of this server from 1. */
export type Handler = (request: RawRequest, connection: number) => Turn

export interface RawServer {
  port: number
  /** Connections open now. */
  connections(): number
  /** Requests that are being answered now. */
  answering(): number
  close(): Promise<void>
}

function watch(socket: Socket): Presence & { leave(): void } {
  let leave: () => void = () => {}
  const state = {
    left: false,
    whenLeft: new Promise<void>((resolve) => {
      leave = resolve
    }),
    leave: (): void => {
      state.left = true
      leave()
    },
  }
  for (const event of ['end', 'close', 'error']) socket.on(event, state.leave)
  return state
}

/** One connection: requests are answered one after another, as HTTP/1.1 without pipelining wants it. */
class Connection {
  readonly #socket: Socket
  readonly #reader = new RequestReader()
  readonly #presence: Presence
  readonly #handler: Handler
  readonly #number: number
  #busy = false
  #closeOnNext = false

  constructor(socket: Socket, number: number, handler: Handler) {
    this.#socket = socket
    this.#number = number
    this.#handler = handler
    this.#presence = watch(socket)
    socket.on('data', (chunk) => this.#receive(Buffer.from(chunk)))
    socket.on('end', () => socket.end())
  }

  #receive(chunk: Uint8Array): void {
    if (this.#closeOnNext) {
      this.#socket.destroy()
      return
    }
    this.#reader.push(chunk)
    if (!this.#busy) void this.#work()
  }

  async #work(): Promise<void> {
    this.#busy = true
    try {
      for (let request = this.#reader.take(); request !== undefined; request = this.#reader.take())
        await this.#answer(request)
    } catch (error) {
      // A mistake in a test (an unknown scene), or a client that does not speak HTTP: say it where it is seen.
      const body = bytesOf(JSON.stringify({ error: { message: String(error), type: 'rig_error' } }))
      const head = `HTTP/1.1 501 Rig\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
      this.#socket.write(head)
      this.#socket.end(body)
    }
    this.#busy = false
  }

  async #answer(request: RawRequest): Promise<void> {
    const begun = performance.now()
    let leftAfterMs: number | undefined
    void this.#presence.whenLeft.then(() => {
      leftAfterMs = performance.now() - begun
    })
    const turn = this.#handler(request, this.#number)
    const delivery = await deliver(this.#socket, turn.reply, turn.fault, this.#presence)
    turn.finished(delivery, delivery.isComplete ? undefined : leftAfterMs)
    const afterwards = turn.fault.afterwards
    if (afterwards === 'close-on-next-request') this.#closeOnNext = true
    else if (afterwards !== undefined) {
      await pause(afterwards.closeAfterMs, this.#presence)
      this.#socket.end()
    }
  }
}

export async function startServer(handler: Handler): Promise<RawServer> {
  const open = new Set<Socket>()
  let count = 0
  let answering = 0
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    count += 1
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    new Connection(socket, count, (request, connection) => {
      const turn = handler(request, connection)
      answering += 1
      return {
        ...turn,
        finished: (delivery, leftAfterMs) => {
          answering -= 1
          turn.finished(delivery, leftAfterMs)
        },
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string')
    throw new Error('The rig could not listen on 127.0.0.1.')
  return {
    port: address.port,
    connections: () => open.size,
    answering: () => answering,
    close: () => {
      for (const socket of open) socket.destroy()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
