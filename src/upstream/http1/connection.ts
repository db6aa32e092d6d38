import {
  type Address,
  type ConnectedSocket,
  type ConnectionListener,
  connect,
} from '../../platform/connect.ts'
import { ConnectionError } from './failures.ts'
import type { ResponseHead } from './head.ts'
import { ResponseParser } from './parser.ts'
import { RequestWriter } from './writer.ts'

/** Who has a request on a connection. After `onDone`, `onLost` or `onInvalid` nothing more is called. */
export interface ConnectionUser {
  /** The connection stands: the request can be written. */
  onReady(): void
  onHead(head: ResponseHead): void
  onBody(bytes: Uint8Array): void
  /** The answer came whole. */
  onDone(): void
  onLost(loss: Loss): void
  /** The answer breaks the protocol. */
  onInvalid(thrown: unknown): void
}

/** How a connection ended before its answer did. */
export interface Loss {
  /**
   * `connecting`: it never stood. `unread`: it was dead before the request reached it, and nothing of the request was
   * read. `waiting`: before an answer began. `answering`: within the answer.
   */
  when: 'connecting' | 'unread' | 'waiting' | 'answering'
  /** A kept connection was reset without a byte of an answer, so soon (milliseconds) that it may have been dead. */
  quickResetMs: number | undefined
  cause: ConnectionError
}

/** Who keeps connections between requests. */
export interface ConnectionKeeper {
  /** The connection is idle, and may be used again. */
  keep(connection: Connection, peerIdleMs: number | undefined): void
  /** An attempt to connect that nobody waits for any more. */
  abandon(connection: Connection): void
  /** The connection is gone. */
  forget(connection: Connection): void
}

/**
 * A peer that ended its side before our bytes came answers them with a reset, one way there and back after they were
 * written. It is waited for as long as that may take.
 */
const SHORTEST_VERDICT_MILLISECONDS = 100
const LONGEST_VERDICT_MILLISECONDS = 1_000

/** One connection: connecting, idle, or busy with one request at a time. */
export class Connection implements ConnectionListener {
  readonly origin: string
  readonly #address: Address
  readonly #keeper: ConnectionKeeper
  readonly #parser = new ResponseParser()
  readonly #writer = new RequestWriter()
  readonly #startedAt = performance.now()
  #socket: ConnectedSocket | undefined
  #isOpen = false
  #user: ConnectionUser | undefined
  #isStarted = false
  #isClosed = false
  #isPaused = false
  #hasEnded = false
  #served = 0
  #hasReceived = false
  #hasHead = false
  #writtenAt = 0
  #verdictMs = 0
  #verdict: ReturnType<typeof setTimeout> | undefined
  /** Idle connections are let go after that time (`performance.now`). Kept by the keeper. */
  expiresAt = 0

  constructor(address: Address, origin: string, keeper: ConnectionKeeper) {
    this.#address = address
    this.origin = origin
    this.#keeper = keeper
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Everything from now on is told to this user, until the answer is over. A new one begins to connect. */
  attach(user: ConnectionUser): void {
    this.#user = user
    if (this.#isStarted) return
    this.#isStarted = true
    connect(this.#address, this)
  }

  /** Its user leaves. An attempt that has not reached the peer cannot be ended: the keeper gets it. */
  giveUp(): void {
    if (this.#socket !== undefined) this.close()
    else {
      this.#user = undefined
      this.#keeper.abandon(this)
    }
  }

  /** Writes the request of the attached user. */
  send(head: string, body: string | Uint8Array | undefined, bodyBytes: number, isHeadRequest: boolean): void {
    if (this.#socket === undefined) return
    this.#parser.reset(isHeadRequest)
    this.#hasReceived = false
    this.#hasHead = false
    this.#writtenAt = performance.now()
    if (!this.#writer.write(this.#socket, head, body, bodyBytes)) this.#lose('unread', 'EPIPE')
  }

  /** Stops reading, so that the peer has to wait. */
  pause(): void {
    if (this.#isPaused || this.#isClosed) return
    this.#isPaused = true
    this.#socket?.pause()
  }

  resume(): void {
    if (!this.#isPaused || this.#isClosed) return
    this.#isPaused = false
    this.#socket?.resume()
  }

  /** Ends it: at once when something is on its way, in good order when it is idle. Tells nobody but the keeper. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const isBusy = this.#user !== undefined || !this.#writer.isDone
    this.#user = undefined
    this.#writer.clear()
    clearTimeout(this.#verdict)
    this.#keeper.forget(this)
    if (isBusy) this.#socket?.terminate()
    else this.#socket?.close()
  }

  onReached(socket: ConnectedSocket): void {
    this.#socket = socket
  }

  onOpen(): void {
    this.#isOpen = true
    this.#verdictMs = Math.min(
      LONGEST_VERDICT_MILLISECONDS,
      Math.max(SHORTEST_VERDICT_MILLISECONDS, 3 * (performance.now() - this.#startedAt)),
    )
    if (this.#user) this.#user.onReady()
    else this.#keeper.keep(this, undefined)
  }

  onRefused(code: string): void {
    this.#lose('connecting', code)
  }

  onData(bytes: Buffer): void {
    const user = this.#user
    // Nobody asked: whatever it is, the next answer would not be the next request's.
    if (user === undefined) {
      this.close()
      return
    }
    this.#hasReceived = true
    try {
      const body = this.#parser.push(bytes)
      if (!this.#hasHead && this.#parser.head) {
        this.#hasHead = true
        user.onHead(this.#parser.head)
      }
      if (body !== undefined && this.#user === user) user.onBody(body)
      if (this.#parser.isDone && this.#user === user) this.#finish(user)
    } catch (thrown) {
      this.close()
      user.onInvalid(thrown)
    }
  }

  onEnd(): void {
    this.#hasEnded = true
    // Before the connection stands, what follows knows more of the reason.
    if (!this.#isOpen) return
    const user = this.#user
    if (user === undefined) this.close()
    else if (this.#parser.end()) this.#finish(user)
    else if (this.#hasReceived || this.#served === 0) this.#lose(this.#stage(), '')
    else this.#awaitVerdict()
  }

  /** Did the peer end before our request came, or over it? A reset now would say that it never read the request. */
  #awaitVerdict(): void {
    const left = this.#writtenAt + this.#verdictMs - performance.now()
    if (left <= 0) this.#lose('waiting', '')
    else this.#verdict = setTimeout(() => this.#lose('waiting', ''), left)
  }

  onDrain(): void {
    if (this.#socket !== undefined && !this.#isClosed) this.#writer.continue(this.#socket)
  }

  onClosed(code: string): void {
    const neverRead = this.#verdict !== undefined && code === 'EPIPE'
    if (neverRead) this.#lose('unread', code)
    else this.#lose(this.#stage(), code)
  }

  #stage(): Loss['when'] {
    if (!this.#isOpen) return 'connecting'
    return this.#hasHead ? 'answering' : 'waiting'
  }

  #finish(user: ConnectionUser): void {
    const { head, isReusable } = this.#parser
    this.#served += 1
    this.#user = undefined
    this.resume()
    if (isReusable && this.#writer.isDone && !this.#hasEnded) this.#keeper.keep(this, head?.idleMs)
    else this.close()
    user.onDone()
  }

  #lose(when: Loss['when'], code: string): void {
    const user = this.#user
    const milliseconds = performance.now() - this.#writtenAt
    const isQuick = this.#served > 0 && !this.#hasReceived && milliseconds <= this.#verdictMs
    const isQuickReset = when === 'waiting' && isQuick && code === 'ECONNRESET'
    this.close()
    user?.onLost({
      when,
      quickResetMs: isQuickReset ? milliseconds : undefined,
      cause: new ConnectionError(code),
    })
  }
}
