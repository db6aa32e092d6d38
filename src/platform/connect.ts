import { isIP } from 'node:net'

/** Where a connection goes. */
export interface Address {
  /** A name or an IP address, without brackets. */
  host: string
  port: number
  tls: boolean
}

/** What happens on a connection. Nothing is called after `onClosed` or `onRefused`. */
export interface ConnectionListener {
  /** The peer has been reached, so the attempt can be ended. Over TLS nothing may be written yet. */
  onReached(socket: ConnectedSocket): void
  /** The connection stands; over TLS its certificate and host name are verified. */
  onOpen(): void
  /** No connection could be made. `code` is the system's name for the reason (`ECONNREFUSED` …). */
  onRefused(code: string): void
  /** The bytes have a memory of their own: they stay as they are for as long as they are kept. */
  onData(bytes: Buffer): void
  /** The peer will send no more. Our side stays open until it is closed. */
  onEnd(): void
  /** There is room to write again. */
  onDrain(): void
  /** The connection is gone. `code` is the system's name for the reason, empty when there is none. */
  onClosed(code: string): void
}

/** An open connection. */
export interface ConnectedSocket {
  /**
   * Gives what it can of `length` bytes from `offset` on to the system at once: the number of bytes taken, or -1 when
   * the connection is gone.
   */
  write(bytes: Uint8Array, offset: number, length: number): number
  /** Ends the connection in good order: nothing is on its way. */
  close(): void
  /** Ends the connection at once; the peer sees a reset. */
  terminate(): void
  /** Reads nothing until `resume`, so that the peer has to wait. */
  pause(): void
  resume(): void
}

type Socket = Bun.Socket<ConnectionListener>

/** ALPN in the form TLS wants it: the length of each name before it. */
const protocols = '\x08http/1.1'
/** Routers forget silent connections; a model may think for minutes before its first word. */
const PROBE_AFTER_MILLISECONDS = 30_000

/** Whether the operator has switched verification off, as every client of this runtime takes it. */
const isUnverified = (): boolean => process.env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0'

const handlers: Bun.SocketHandler<ConnectionListener> = {
  data: (socket, bytes) => socket.data.onData(bytes),
  end: (socket) => socket.data.onEnd(),
  drain: (socket) => socket.data.onDrain(),
  close: (socket, error) => socket.data.onClosed(codeOf(error)),
  connectError: (socket, error) => socket.data.onRefused(codeOf(error)),
  // What failed is told by the close that follows.
  error: () => {},
}

const plainHandlers: Bun.SocketHandler<ConnectionListener> = {
  ...handlers,
  open(socket) {
    reach(socket)
    socket.data.onOpen()
  },
}

const tlsHandlers: Bun.SocketHandler<ConnectionListener> = {
  ...handlers,
  open: (socket) => reach(socket),
  handshake(socket, verified, error) {
    if (verified || isUnverified()) socket.data.onOpen()
    else refuse(socket, codeOf(error) || 'ERR_TLS_HANDSHAKE')
  },
}

/** For connections that were refused: their close is still to come, and tells nothing new. */
const nobody: ConnectionListener = {
  onReached: () => {},
  onOpen: () => {},
  onRefused: () => {},
  onData: () => {},
  onEnd: () => {},
  onDrain: () => {},
  onClosed: () => {},
}

/**
 * Opens a connection; the listener is told the rest. Open connections do not keep the process alive: whoever waits
 * for something has a clock running that does. An attempt cannot be taken back before `onReached`.
 */
export function connect(address: Address, listener: ConnectionListener): void {
  Bun.connect<ConnectionListener>({
    hostname: address.host,
    port: address.port,
    data: listener,
    socket: address.tls ? tlsHandlers : plainHandlers,
    allowHalfOpen: true,
    // An IP address is verified, but not announced (RFC 6066 §3).
    ...(address.tls
      ? { tls: { serverName: isIP(address.host) ? '' : address.host, ALPNProtocols: protocols } }
      : {}),
  }).catch(() => {}) // `connectError` has told it.
}

function reach(socket: Socket): void {
  socket.unref()
  socket.setNoDelay(true)
  socket.setKeepAlive(true, PROBE_AFTER_MILLISECONDS)
  socket.data.onReached(socket)
}

function refuse(socket: Socket, code: string): void {
  const listener = socket.data
  socket.data = nobody
  socket.terminate()
  listener.onRefused(code)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
