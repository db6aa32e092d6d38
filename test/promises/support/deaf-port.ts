import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'

/** A port on which connections are neither accepted nor refused, as behind a firewall that drops packets. */
export interface DeafPort {
  port: number
  close(): void
}

const LISTENER = `
const server = require('node:net').createServer()
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => console.log(server.address().port))
`
const PATIENCE_MS = 300
/** The runtime asks for a queue of its own choice. */
const MOST_QUEUED = 5_000

async function connects(port: number, open: Socket[]): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  open.push(socket)
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), PATIENCE_MS)
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(true)
    })
    socket.on('error', () => {})
  })
}

/** A listener that is stopped, and whose queue is filled until the kernel drops what comes. */
export async function deafPort(): Promise<DeafPort> {
  const child = spawn(process.execPath, ['-e', LISTENER], { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = await new Promise<number>((resolve) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())))
  })
  const kill = (): void => void child.kill('SIGKILL')
  // A stopped process would outlive a test that fails.
  process.once('exit', kill)
  child.kill('SIGSTOP')
  const open: Socket[] = []
  while (await connects(port, open))
    if (open.length > MOST_QUEUED) throw new Error('The listener’s queue never filled.')
  return {
    port,
    close: () => {
      for (const socket of open) socket.destroy()
      kill()
      process.off('exit', kill)
    },
  }
}
