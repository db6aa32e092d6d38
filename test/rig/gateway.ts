import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** A running gateway, however it was started. */
export interface Gateway {
  /** `http://127.0.0.1:PORT` */
  url: string
  /** Everything it has printed; empty for a gateway inside this process. */
  output(): { stdout: string; stderr: string }
  /** Asks it to drain and end (SIGTERM). Resolves with the exit code. */
  stop(): Promise<number | null>
}

/** A gateway in a process of its own. */
export interface GatewayProcess extends Gateway {
  pid: number
  kill(signal: NodeJS.Signals): void
  /** Resolves when the process has ended, for whatever reason. */
  exited: Promise<number | null>
  dataDirectory: string
}

export interface GatewayOptions {
  /** Added to a bare environment (PATH and HOME only): no key of the machine leaks into a test. */
  env?: Record<string, string>
  /** Further arguments behind `serve --port 0 --host 127.0.0.1`. */
  args?: readonly string[]
  /** Written to a file and given as `--config`. `name` decides the format: `xjp.toml`, `config.yaml`, `models.json`. */
  config?: { name: string; text: string }
  /** A data directory to use again, for restarts; by default a fresh one that is removed at the end. */
  dataDirectory?: string
  /**
   * `runtime` (default): this Bun runs the program itself, so that `pid` and signals are the gateway's own. `bin`:
   * the published command, which looks for dependencies and a runtime first.
   */
  launcher?: 'runtime' | 'bin'
  /** How long to wait for the line with the address. */
  readyMs?: number
  /** Is told everything it prints. Only the last of it is kept then: for programs that run for hours. */
  onOutput?: (text: string) => void
}

const project = resolve(import.meta.dir, '../..')
const ADDRESS = /http:\/\/127\.0\.0\.1:\d+/

/** What the published command gives its runtime (scripts/runtime.mjs). */
const runtimeEnvironment = {
  BUN_CONFIG_MAX_HTTP_REQUESTS: '65535',
  BUN_JSC_forceRAMSize: String(128 * 1024 ** 2),
  BUN_JSC_largeHeapGrowthFactor: '1.5',
}

function bareEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG']
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] ? [[name, process.env[name] ?? '']] : [])),
  )
}

const KEPT_CHARACTERS = 20_000

function collect(child: ChildProcess, onOutput?: (text: string) => void): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      onOutput?.(text)
      output[name] = onOutput ? (output[name] + text).slice(-KEPT_CHARACTERS) : output[name] + text
    })
  return output
}

/** Resolves with the address from the first line that has one. */
async function addressOf(
  child: ChildProcess,
  output: { stdout: string; stderr: string },
  ms: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      settle()
      reject(new Error(`The gateway ${why}.\nstdout: ${output.stdout}\nstderr: ${output.stderr}`))
    }
    const look = (): void => {
      const found = ADDRESS.exec(output.stdout)?.[0] ?? ADDRESS.exec(output.stderr)?.[0]
      if (found === undefined) return
      settle()
      resolve(found)
    }
    const ended = (code: number | null): void => fail(`ended with code ${code} before it was ready`)
    const timer = setTimeout(() => fail(`printed no address within ${ms} ms`), ms)
    const settle = (): void => {
      clearTimeout(timer)
      child.off('exit', ended)
      child.stdout?.off('data', look)
      child.stderr?.off('data', look)
    }
    child.on('exit', ended)
    child.stdout?.on('data', look)
    child.stderr?.on('data', look)
  })
}

/** Starts `xjp-gateway serve` on a free port and waits until it says where it listens. */
export async function startGateway(options: GatewayOptions = {}): Promise<GatewayProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'xjp-rig-'))
  const dataDirectory = options.dataDirectory ?? join(folder, 'data')
  const args = [
    'serve',
    '--port',
    '0',
    '--host',
    '127.0.0.1',
    '--data-dir',
    dataDirectory,
    ...(options.args ?? []),
  ]
  if (options.config !== undefined) {
    const file = join(folder, options.config.name)
    writeFileSync(file, options.config.text)
    args.push('--config', file)
  }
  const [command, program] =
    options.launcher === 'bin' ? ['node', 'bin/xjp-gateway.mjs'] : [process.execPath, 'src/cli/main.ts']
  const child = spawn(command, [join(project, program), ...args], {
    cwd: folder,
    env: { ...bareEnvironment(), ...runtimeEnvironment, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = collect(child, options.onOutput)
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  void exited.then(() => rmSync(folder, { recursive: true, force: true }))
  const url = await addressOf(child, output, options.readyMs ?? 15_000).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  return {
    url,
    pid: child.pid ?? 0,
    dataDirectory,
    output: () => ({ ...output }),
    exited,
    kill: (signal) => {
      child.kill(signal)
    },
    stop: () => {
      child.kill('SIGTERM')
      return exited
    },
  }
}
