import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { anthropicClient } from '../rig/clients/anthropic.ts'
import { type Client, type Mode, modes } from '../rig/clients/ask.ts'
import { openaiClient } from '../rig/clients/openai.ts'
import { type GatewayProcess, startGateway } from '../rig/gateway.ts'
import { startUpstream, type Upstream } from '../rig/upstream.ts'
import { type Cell, entries, newWord } from './cell.ts'
import { type Column, columns, type Lack } from './columns.ts'
import { type Scenario, scenarios } from './scenarios.ts'
import { canAsk, keyOf, type Outcome, page } from './table.ts'

/** Client dialect × upstream × feature, with the vendors' real SDKs against a running gateway. */

const pageFile = join(resolve(import.meta.dir, '../..'), 'docs/reference/matrix.md')
const outcomes = new Map<string, Outcome>()

let upstream: Upstream
let gateway: GatewayProcess
beforeAll(async () => {
  upstream = await startUpstream()
  // Retries as usual, but without their waits: every error cell would take seconds.
  const config = { name: 'xjp.toml', text: '[retry]\nbackoff_ms = 1\n' }
  gateway = await startGateway({ env: upstream.environment, args: ['--open'], config })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const clients: Record<Client['name'], () => Client> = {
  openai: () => openaiClient({ baseUrl: `${gateway.url}/v1`, apiKey: 'none' }),
  anthropic: () => anthropicClient({ baseUrl: gateway.url, apiKey: 'none' }),
}

/** What an upstream cannot take: refused by the gateway with the field's name, or by the vendor where bytes pass. */
async function expectRefusal(cell: Cell, scenario: Scenario, lack: Lack): Promise<void> {
  const outcome = await scenario.run(cell).catch((thrown: unknown) => cell.client.describe(thrown))
  const refused = entries(cell).filter((entry) => entry.problem !== undefined)
  expect(outcome).toMatchObject({ status: 400 })
  if (cell.column.ownClient === cell.client.name && refused.length > 0) expect(refused.length).toBe(1)
  else {
    expect(outcome).toMatchObject({ message: expect.stringMatching(lack.field) })
    expect(refused).toEqual([])
  }
}

function lackOf(client: Client['name'], column: Column, scenario: Scenario): Lack | undefined {
  const lack = column.lacks[scenario.name]
  return lack?.client === undefined || lack.client === client ? lack : undefined
}

async function runCell(clientName: Client['name'], column: Column, scenario: Scenario): Promise<void> {
  const key = keyOf(clientName, scenario.name, column.name)
  const lack = lackOf(clientName, column, scenario)
  outcomes.set(key, { kind: 'red' })
  for (const mode of modes) await runMode(mode)
  outcomes.set(key, lack === undefined ? { kind: 'works' } : { kind: 'lacking', why: lack.why })

  async function runMode(mode: Mode): Promise<void> {
    const client = clients[clientName]()
    const cell: Cell = { scenario: scenario.name, client, column, mode, upstream, word: newWord() }
    try {
      await (lack === undefined ? scenario.run(cell) : expectRefusal(cell, scenario, lack))
    } catch (error) {
      const seen = entries(cell).map(
        (entry) => `${entry.path} → ${entry.status} ${JSON.stringify(entry.problem ?? '')}`,
      )
      throw new Error(
        `${mode}: ${error instanceof Error ? error.message : String(error)}\nupstream saw: ${seen.join('; ') || 'nothing'}`,
      )
    }
  }
}

for (const clientName of ['openai', 'anthropic'] as const)
  for (const column of columns)
    describe(`${clientName} SDK → ${column.name}`, () => {
      for (const scenario of scenarios.filter((one) => canAsk(one, clientName)))
        test(scenario.name, () => runCell(clientName, column, scenario), 20_000)
    })

test('the committed table says the same', () => {
  const made = page(outcomes)
  if (process.env['UPDATE'] === '1') {
    mkdirSync(dirname(pageFile), { recursive: true })
    writeFileSync(pageFile, made)
  }
  expect(existsSync(pageFile) ? readFileSync(pageFile, 'utf8') : '').toBe(made)
})
