import { connect, createServer, type Socket } from 'node:net'

/** A relay in front of a server whose open connections, too, can become slow or silent. */
export interface Relay {
  /** `redis://127.0.0.1:PORT` */
  url: string
  /** Added to every piece on its way back; `Infinity`: nothing passes in either direction. */
  delay(milliseconds: number): void
  /** Connections from now on go to another server; the open ones are broken off. */
  to(port: number): void
  close(): Promise<void>
}

export async function startRelay(port: number): Promise<Relay> {
  let delayMs = 0
  let target = port
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (piece) => delayMs !== Number.POSITIVE_INFINITY && upstream.write(piece))
    upstream.on('data', (piece) => {
      if (delayMs === 0) client.write(piece)
      else if (delayMs !== Number.POSITIVE_INFINITY) setTimeout(() => client.write(piece), delayMs)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    delay(milliseconds) {
      delayMs = milliseconds
    },
    to(other) {
      target = other
      for (const socket of open) socket.destroy()
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
