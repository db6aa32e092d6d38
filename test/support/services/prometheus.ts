import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installOrExplain } from './install.ts'
import { findProgram, freePort, removeFolder, startServer, temporaryFolder, untilReady } from './processes.ts'
import { noteForReport } from './report.ts'

/** What `promtool` said of something. */
export interface Verdict {
  /** 0: nothing is wrong. */
  code: number | null
  output: string
}

/** Runs Prometheus' own checker; it is installed when it is missing. `input` is given to it, `cwd` is where files are. */
export function promtool(args: readonly string[], options: { input?: string; cwd?: string } = {}): Verdict {
  const { status, stdout, stderr } = spawnSync(programOf('promtool'), [...args], {
    ...options,
    encoding: 'utf8',
  })
  return { code: status, output: stdout + stderr }
}

/** A Prometheus that looks at one target every second. */
export interface TestPrometheus {
  /** The value of an expression that has one sample; undefined while it has none. */
  query(expression: string): Promise<number | undefined>
  /** Why the target could not be read; empty when it could. */
  lastError(): Promise<string | undefined>
  close(): Promise<void>
}

/** `target` is `host:port`; `headers` go into the section of the scrape (`authorization` and the like) as YAML. */
export async function startPrometheus(target: string, section = ''): Promise<TestPrometheus> {
  const folder = temporaryFolder('prometheus')
  const port = await freePort()
  const config = join(folder, 'prometheus.yml')
  writeFileSync(
    config,
    `global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: xjp-gateway\n    static_configs: [{ targets: ["${target}"] }]\n${section}`,
  )
  const address = `127.0.0.1:${port}`
  const server = startServer(
    [
      programOf('prometheus'),
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    folder,
  )
  const ask = async (path: string): Promise<unknown> =>
    (await fetch(`http://${address}/api/v1/${path}`)).json()
  await untilReady(async () => {
    const response = await fetch(`http://${address}/-/ready`)
    if (response.status !== 200) throw new Error(`not ready: ${response.status}`)
  }, server)
  return {
    async query(expression) {
      const found = (await ask(`query?query=${encodeURIComponent(expression)}`)) as {
        data?: { result?: { value: [number, string] }[] }
      }
      const value = found.data?.result?.[0]?.value[1]
      return value === undefined ? undefined : Number(value)
    },
    async lastError() {
      const found = (await ask('targets')) as {
        data?: { activeTargets?: { health: string; lastError: string }[] }
      }
      const active = found.data?.activeTargets?.[0]
      return active === undefined || active.health === 'unknown' ? undefined : active.lastError
    },
    async close() {
      server.child.kill('SIGKILL')
      await server.exited
      removeFolder(folder)
    },
  }
}

function programOf(name: 'promtool' | 'prometheus'): string {
  const found = findProgram([name]) ?? installed(name)
  noteForReport(versionOf(found))
  return found
}

function installed(name: string): string {
  installOrExplain('Prometheus', ['prometheus'], 'PATH')
  const found = findProgram([name])
  if (found === undefined) throw new Error(`${name} is not there although its package was installed`)
  return found
}

function versionOf(program: string): string {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return `Prometheus ${/version (\d[\d.]*)/.exec(stdout)?.[1] ?? 'unknown'}`
}
