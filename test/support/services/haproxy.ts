import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { installOrExplain } from './install.ts'
import { findProgram, freePort, removeFolder, startServer, temporaryFolder } from './processes.ts'

const example = resolve(import.meta.dir, '../../../examples/replicas/haproxy.cfg')

/** A real HAProxy in front of gateways, with the example's own configuration. */
export interface Haproxy {
  url: string
  /** What it has written, if anything. */
  output(): string
  close(): Promise<void>
}

/** `ports`: of the three gateways, in the order of the example. */
export async function startHaproxy(ports: readonly number[]): Promise<Haproxy> {
  const folder = temporaryFolder('haproxy')
  const port = await freePort()
  const theirs = [8080, 8081, 8082, 8083]
  const ours = [port, ...ports]
  const text = readFileSync(example, 'utf8').replaceAll(
    /127\.0\.0\.1:(\d+)/g,
    (_, found: string) => `127.0.0.1:${ours[theirs.indexOf(Number(found))]}`,
  )
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, text)
  const server = startServer([program(), '-f', file, '-db'], folder)
  for (let waits = 0; waits < 500 && !(await answers(port)); waits += 1) await Bun.sleep(10)
  return {
    url: `http://127.0.0.1:${port}`,
    output: () => server.output(),
    async close() {
      server.child.kill('SIGKILL')
      await server.exited
      removeFolder(folder)
    },
  }
}

function program(): string {
  const found = findProgram(['haproxy'])
  if (found) return found
  installOrExplain('HAProxy', ['haproxy'], 'PATH')
  const installed = findProgram(['haproxy'])
  if (!installed) throw new Error('haproxy is not there although its package was installed')
  return installed
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
