import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fault } from '../../rig/fault/fault.ts'
import { customFault } from '../support/custom-fault.ts'
import { chatFront } from '../support/fronts.ts'
import { modelToml, openStage } from '../support/stage.ts'
import { readBooks, rowsByRequest } from './support/books.ts'

/** C12 What the drain limit ends has its row when the process ends, also what its upstream has not answered yet. */

const stalled: Fault = { stalls: [{ at: 0, ms: 20_000 }] }
const endless: Fault = { paceMs: 300 }

describe.concurrent.each(['cancel', 'drain'] as const)('C12: on_disconnect = "%s"', (policy) => {
  test('calls with heartbeats only, and open ones, with and without a key that is kept', async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'xjp-waiting-'))
    const { upstream, gateway } = await openStage({
      dataDirectory,
      toml: `[usage]\non_disconnect = "${policy}"\n[idempotency]\nreplay_streams = true\n[server]\nkeep_alive_ms = 1000\ndrain_seconds = 1\n${modelToml('m', { provider: 'openai', model: 'gpt-4.1' })}`,
    })
    const ask = (name: string, fault: Fault, headers = {}): Promise<string> =>
      fetch(gateway.url + chatFront.path, {
        method: 'POST',
        body: JSON.stringify(chatFront.body('m', `[scene:long@60] ${customFault(fault)}`, true)),
        headers: { 'content-type': 'application/json', 'x-request-id': name, ...headers },
      }).then((response) => response.text())
    const names = ['waiting', 'waiting-kept', 'open', 'open-kept']
    const texts = names.map((name) =>
      ask(
        name,
        name.startsWith('waiting') ? stalled : endless,
        name.endsWith('kept') ? { 'idempotency-key': name } : {},
      ),
    )
    await Bun.sleep(1_500)
    expect(await gateway.stop()).toBe(0)
    for (const text of await Promise.all(texts)) expect(text).toContain('The gateway is shutting down')
    expect(readdirSync(join(dataDirectory, 'journal'))).toEqual([])
    const rows = rowsByRequest(await readBooks(dataDirectory, {}))
    for (const name of names)
      expect(rows.get(name)).toMatchObject([
        { status: 200, end_reason: 'gateway', error_type: 'unavailable', usage_source: 'estimated' },
      ])
    await upstream.close()
    rmSync(dataDirectory, { recursive: true, force: true })
  }, 20_000)
})
