import { whenStreamEnds } from './stream.ts'

/** The listening socket. Nothing outside `platform/` names the runtime's server. */
export interface Listener {
  readonly url: string
  readonly port: number
  /** From now on every answer is the last on its connection. */
  closeKept(): void
  /** Stops accepting; open exchanges go on. */
  stopAccepting(): void
  /** Resolves when every answer that was begun has left the process, or after the time. */
  written(milliseconds: number): Promise<void>
  /** Ends everything. */
  close(): void
}

export interface ListenOptions {
  host: string
  port: number
  /** The largest body the runtime itself may take in; the gateway's own limit is below it. */
  maxBodyBytes: number
  /** How long a client may be silent while its request is being read. */
  readIdleSeconds?: number
  /** Several processes may listen on the port: the system deals the connections out. */
  isShared?: boolean
  handle(request: Request, exchange: Exchange): Response | Promise<Response>
}

/** What a handler may tell the runtime about the exchange it is in. */
export interface Exchange {
  /** The request was read: from now on silence is not a reason to close. */
  keepOpen(): void
  /** The peer's IP address; empty when it is gone already. */
  clientAddress(): string
}

/** A client that sends nothing for this long while its request is being read is let go. */
const READ_IDLE_SECONDS = 60
/** What was not read of the request would be taken for the next one. */
const unread: readonly number[] = [408, 413]
/** The runtime says how many answers are on their way, but not when the last is gone. */
const POLL_MILLISECONDS = 5

export function listen(options: ListenOptions): Listener {
  const idleSeconds = options.readIdleSeconds ?? READ_IDLE_SECONDS
  let isClosing = false
  const server = Bun.serve({
    hostname: options.host,
    port: options.port,
    reusePort: options.isShared ?? false,
    idleTimeout: idleSeconds,
    maxRequestBodySize: options.maxBodyBytes,
    development: false,
    async fetch(request, current) {
      let isKeptOpen = false
      const response = await options.handle(request, {
        keepOpen() {
          isKeptOpen = true
          current.timeout(request, 0)
        },
        clientAddress: () => current.requestIP(request)?.address ?? '',
      })
      if (isClosing || unread.includes(response.status)) response.headers.set('connection', 'close')
      // The time-out belongs to the connection: the next request on it must not be waited for without end.
      if (isKeptOpen) whenStreamEnds(response, () => current.timeout(request, idleSeconds))
      return response
    },
    error() {
      return new Response(
        '{"error":{"message":"The gateway met an internal error","type":"server_error","param":null,"code":"internal"}}',
        {
          status: 500,
          headers: { 'content-type': 'application/json' },
        },
      )
    },
  })
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    url: `http://${host}:${server.port}`,
    port: server.port ?? options.port,
    closeKept: () => {
      isClosing = true
    },
    stopAccepting: () => void server.stop(false),
    written: async (milliseconds) => {
      const deadline = performance.now() + milliseconds
      while (server.pendingRequests > 0 && performance.now() < deadline) await Bun.sleep(POLL_MILLISECONDS)
    },
    close: () => void server.stop(true),
  }
}

/** What the system says when somebody listens there already; undefined when nobody does. */
export function isPortTaken(hostname: string, port: number): string | undefined {
  if (port === 0) return undefined
  try {
    Bun.serve({ hostname, port, reusePort: false, fetch: () => new Response() }).stop(true)
    return undefined
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}
