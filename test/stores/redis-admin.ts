import { createClient } from '@redis/client'

/** One command on a connection of its own; gives the answer. */
export async function admin<Answer>(url: string, ...command: string[]): Promise<Answer> {
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.sendCommand(command)) as Answer
  } finally {
    client.destroy()
  }
}
