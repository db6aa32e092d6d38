import { createServer, connect as dial, type Server, type Socket } from 'node:net'

/**
 * How the proxy treats connections.
 * `refuse`: nobody listens. `blackhole`: accepts and never reads or answers. `reset`: accepts and resets.
 * `half-close`: passes, and ends its own side towards the client after the first bytes back.
 */
export interface ProxyMode {
  kind: 'pass' | 'refuse' | 'blackhole' | 'reset' | 'half-close'
  /** Added to every piece in both directions. */
  latencyMs?: number
  /** Upper bound towards the client. */
  bytesPerSecond?: number
  /** Ends the connection after so many bytes towards the client. */
  cut?: { after: number; how: 'fin' | 'rst' }
}

export interface FaultProxy {
  port: number
  /** `127.0.0.1:PORT` */
  address: string
  /** For connections from now on; open ones keep theirs, except that `refuse` closes them. */
  set(mode: ProxyMode): Promise<void>
  /** Connections open now. */
  connections(): number
  close(): Promise<void>
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Passes bytes one way, in order, through a queue so that waiting does not change their order. */
function pump(from: Socket, deliver: (chunk: Uint8Array) => Promise<void>, ended: () => void): void {
  let queue = Promise.resolve()
  from.on('data', (chunk) => {
    from.pause()
    queue = queue.then(() => deliver(Buffer.from(chunk))).finally(() => from.resume())
  })
  from.on('end', () => {
    queue = queue.then(ended)
  })
}

const SLICE_MS = 20

/** Writes at once, or in slices no faster than the rate. */
async function writeAt(client: Socket, bytes: Uint8Array, bytesPerSecond: number | undefined): Promise<void> {
  const slice = bytesPerSecond === undefined ? bytes.length : Math.ceil((bytesPerSecond * SLICE_MS) / 1000)
  for (let at = 0; at < bytes.length && !client.destroyed; at += slice) {
    client.write(bytes.subarray(at, at + slice))
    if (bytesPerSecond !== undefined) await sleep(SLICE_MS)
  }
}

function towardsClient(client: Socket, mode: ProxyMode): (chunk: Uint8Array) => Promise<void> {
  let sent = 0
  return async (chunk) => {
    if (mode.latencyMs) await sleep(mode.latencyMs)
    const left = mode.cut === undefined ? chunk.length : Math.max(0, mode.cut.after - sent)
    const part = chunk.subarray(0, left)
    sent += part.length
    await writeAt(client, part, mode.bytesPerSecond)
    if (mode.kind === 'half-close') client.end()
    if (mode.cut === undefined || left >= chunk.length) return
    if (mode.cut.how === 'fin') client.end()
    else client.resetAndDestroy()
  }
}

function join(client: Socket, target: { host: string; port: number }, mode: ProxyMode): void {
  const upstream = dial(target.port, target.host)
  upstream.setNoDelay(true)
  pump(
    client,
    async (chunk) => {
      if (mode.latencyMs) await sleep(mode.latencyMs)
      if (!upstream.destroyed) upstream.write(chunk)
    },
    () => upstream.end(),
  )
  pump(upstream, towardsClient(client, mode), () => client.end())
  client.on('close', () => upstream.destroy())
  upstream.on('close', () => client.end())
  upstream.on('error', () => client.destroy())
}

/** A TCP proxy in front of anything: Redis, PostgreSQL, an upstream. */
export async function startFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const open = new Set<Socket>()
  let mode: ProxyMode = { kind: 'pass' }
  const accept = (client: Socket): void => {
    open.add(client)
    client.on('close', () => open.delete(client))
    client.on('error', () => client.destroy())
    if (mode.kind === 'reset') client.resetAndDestroy()
    else if (mode.kind === 'blackhole') client.pause()
    else join(client, target, mode)
  }
  const listen = async (port: number): Promise<Server> => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    return server
  }
  let server: Server | undefined = await listen(0)
  const address = server.address()
  if (address === null || typeof address === 'string')
    throw new Error('The proxy could not listen on 127.0.0.1.')
  const { port } = address
  const shut = async (): Promise<void> => {
    const closing = server
    server = undefined
    for (const socket of open) socket.destroy()
    if (closing !== undefined) await new Promise<void>((resolve) => closing.close(() => resolve()))
  }
  return {
    port,
    address: `127.0.0.1:${port}`,
    connections: () => open.size,
    set: async (next) => {
      mode = next
      if (next.kind === 'refuse') await shut()
      else server ??= await listen(port)
    },
    close: shut,
  }
}
