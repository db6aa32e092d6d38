import { connect } from 'node:net'

/** `cluster`: the folder of an empty PostgreSQL cluster, to be copied. */
export type Asked = 'postgres' | 'redis' | 'cluster'

/**
 * What the processes of one `npm test` share, by its address; undefined when these tests run by themselves and have to
 * start their own.
 */
export async function askDesk(what: Asked): Promise<string | undefined> {
  const address = process.env['XJP_TEST_SERVICES']
  if (address === undefined) return undefined
  const said = await new Promise<string>((resolve, reject) => {
    let text = ''
    const socket = connect(address, () => void socket.write(`${what}\n`))
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })
  const { value, error } = JSON.parse(said) as { value?: string; error?: string }
  if (value === undefined) throw new Error(error)
  return value
}
