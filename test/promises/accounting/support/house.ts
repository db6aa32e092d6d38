import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GatewayProcess, startGateway } from '../../../rig/gateway.ts'
import { startUpstream, type Upstream } from '../../../rig/upstream.ts'
import { percentile } from '../../support/figure.ts'
import { chatFront, fronts } from '../../support/fronts.ts'
import { modelToml } from '../../support/stage.ts'
import { command, wordOf } from './books.ts'

/** A gateway that asks for keys, with one that is good, between clients and the simulated vendors. */
export interface House {
  upstream: Upstream
  gateway: GatewayProcess
  key: string
  dataDirectory: string
  /** Of the gateway and of commands beside it. */
  stored: Record<string, string>
  close(): Promise<void>
}

export async function openHouse(stored: Record<string, string>, toml = ''): Promise<House> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'xjp-house-'))
  const upstream = await startUpstream()
  const made = await command(
    ['keys', 'create', '--tenant', 'acme', '--rpm', 'unlimited', '--json', '--data-dir', dataDirectory],
    stored,
  )
  const { key } = JSON.parse(made) as { key: string }
  const model = modelToml('m', { provider: 'openai', model: 'gpt-4.1' })
  const gateway = await startGateway({
    dataDirectory,
    env: { ...upstream.environment, ...stored },
    config: { name: 'xjp.toml', text: `[auth]\nmode = "keys"\n${toml}\n${model}` },
  })
  return {
    upstream,
    gateway,
    key,
    dataDirectory,
    stored,
    close: async () => {
      gateway.kill('SIGKILL')
      await gateway.exited
      await upstream.close()
      rmSync(dataDirectory, { recursive: true, force: true })
    },
  }
}

/** What a load met. */
export interface Load {
  asked: number
  failed: string[]
  milliseconds: number[]
}

let serial = 0

/** So many requests a second, until told to stop; every answer is read to its end. */
export function startLoad(house: House, perSecond: number): { stop(): Promise<Load> } {
  const load: Load = { asked: 0, failed: [], milliseconds: [] }
  const open = new Set<Promise<void>>()
  const begun = performance.now()
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - begun) / 1000) * perSecond)
    while (load.asked < due) {
      load.asked += 1
      const one = askOnce(house, load).finally(() => open.delete(one))
      open.add(one)
    }
  }, 2)
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
      return load
    },
  }
}

async function askOnce({ gateway, key }: House, load: Load): Promise<void> {
  const word = wordOf((serial += 1))
  const front = fronts[serial % 2] ?? chatFront
  const begun = performance.now()
  try {
    const response = await fetch(gateway.url + front.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, 'x-request-id': word },
      body: JSON.stringify(front.body('m', word, serial % 3 === 0)),
    })
    const text = await response.text()
    if (response.status !== 200) load.failed.push(`${response.status} ${text.slice(0, 200)}`)
  } catch (thrown) {
    load.failed.push(String(thrown))
  }
  load.milliseconds.push(performance.now() - begun)
}

export async function loadFor(house: House, perSecond: number, milliseconds: number): Promise<Load> {
  const load = startLoad(house, perSecond)
  await Bun.sleep(milliseconds)
  return load.stop()
}

export function p99(load: Load): number {
  return Math.round(percentile(load.milliseconds, 0.99) * 10) / 10
}
