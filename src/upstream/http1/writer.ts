import type { ConnectedSocket } from '../../platform/connect.ts'

/** Requests up to this size are put together in one place and leave in one write; of larger ones the head goes first. */
const SCRATCH_BYTES = 128 * 1024
let scratch: Buffer | undefined

/** Writes a request; what the system does not take at once is kept until there is room. */
export class RequestWriter {
  #rest: Uint8Array[] = []

  /** Everything was given to the system. */
  get isDone(): boolean {
    return this.#rest.length === 0
  }

  /** Begins a request: `head` is Latin-1. Returns false when the connection was gone before it took a byte. */
  write(
    socket: ConnectedSocket,
    head: string,
    body: string | Uint8Array | undefined,
    bodyBytes: number,
  ): boolean {
    const length = head.length + bodyBytes
    if (length > SCRATCH_BYTES) {
      this.#rest = [
        Buffer.from(head, 'latin1'),
        typeof body === 'string' ? Buffer.from(body) : (body ?? NOTHING),
      ]
      return this.continue(socket)
    }
    scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    scratch.write(head, 0, 'latin1')
    if (typeof body === 'string') scratch.write(body, head.length, 'utf8')
    else if (body !== undefined) scratch.set(body, head.length)
    const taken = socket.write(scratch, 0, length)
    if (taken < 0) return false
    // The place belongs to the next request: what is left is copied.
    if (taken < length) this.#rest = [Uint8Array.prototype.slice.call(scratch, taken, length)]
    return true
  }

  /** Writes on; false when the connection is gone. */
  continue(socket: ConnectedSocket): boolean {
    for (let first = this.#rest[0]; first !== undefined; first = this.#rest[0]) {
      const taken = socket.write(first, 0, first.length)
      if (taken < 0) return false
      if (taken < first.length) {
        this.#rest[0] = first.subarray(taken)
        return true
      }
      this.#rest.shift()
    }
    return true
  }

  /** Forgets what was not written. */
  clear(): void {
    if (this.#rest.length > 0) this.#rest = []
  }
}

const NOTHING = new Uint8Array()
