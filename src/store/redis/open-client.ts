import { createClient } from '@redis/client'

/** The part of the library's client that is used here. */
export type RedisClient = ReturnType<typeof create>

function create(url: string, connectMs: number) {
  return createClient({
    url,
    // The oldest protocol every server speaks, and no questions but the ones below.
    RESP: 2,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // A command that cannot go out now fails now.
    disableOfflineQueue: true,
    // Connections are thrown away and made anew by us: the library neither waits nor tries again by itself.
    socket: { connectTimeout: connectMs, reconnectStrategy: false },
  })
}

/**
 * A connection that is greeted and ready, within a time. Rejects with the reason; nothing of a failed try stays open.
 * `onLost` is called at most once, when a connection that was ready ends without our doing.
 */
export async function openClient(
  url: string,
  milliseconds: number,
  onLost: (reason: string) => void,
): Promise<RedisClient> {
  const client = create(url, milliseconds)
  let ready = false
  const lost = (reason: string): void => {
    if (!ready) return
    ready = false
    onLost(reason)
  }
  // Without a listener an error would end the process.
  client.on('error', (error: unknown) => lost(reasonOf(error)))
  client.on('end', () => lost('the connection was closed'))
  try {
    await within(client.connect(), milliseconds, 'connecting took too long')
    ready = true
    return client
  } catch (thrown) {
    client.destroy()
    throw thrown
  }
}

/** Rejects with the reason when a promise takes longer; what becomes of it then is nobody's business. */
export async function within<Value>(
  promise: Promise<Value>,
  milliseconds: number,
  reason: string,
): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(reason)), milliseconds)
  })
  promise.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What went wrong, in one line and without the address, which may hold a password. */
export function reasonOf(thrown: unknown): string {
  const inner = thrown instanceof AggregateError ? thrown.errors[0] : thrown
  const message = inner instanceof Error ? inner.message || inner.name : String(inner)
  return message.replace(/\b\w+:\/\/\S*/g, 'redis://…').slice(0, 200)
}
