import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fault } from '../../rig/fault/fault.ts'
import { startGateway } from '../../rig/gateway.ts'
import { random } from '../../rig/http/deliver.ts'
import { startUpstream } from '../../rig/upstream.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, size } from '../support/figure.ts'
import { chatFront, fronts } from '../support/fronts.ts'
import { modelToml } from '../support/stage.ts'
import { backends, entriesByWord, readBooks, rowsByRequest, wordOf } from './support/books.ts'

/** C12 SIGTERM flushes everything; H2 what the drain limit ends has its row too. */

const SEED = 20_261_123
const DRAIN_SECONDS = 1
const toml = `[auth]\nmode = "open"\n[server]\ndrain_seconds = ${DRAIN_SECONDS}\n${modelToml('m', { provider: 'openai', model: 'gpt-4.1' })}`
const quick: Fault = { paceMs: 2 }
const endless: Fault = { paceMs: 200 }

describe.each(backends)('C12: $name', (backend) => {
  const rounds = backend.name === 'SQLite' ? size(4, 100) : size(2, 50)

  test(`SIGTERM under load, ${rounds} times`, async () => {
    const next = random(SEED)
    const dataDirectory = mkdtempSync(join(tmpdir(), 'xjp-stopped-'))
    const upstream = await startUpstream()
    const stored = await backend.environment()
    let serial = 0
    let slowest = 0
    for (let round = 0; round < rounds; round += 1) {
      const env = { ...upstream.environment, ...stored }
      const gateway = await startGateway({ dataDirectory, env, config: { name: 'xjp.toml', text: toml } })
      const asked: Promise<unknown>[] = []
      const ask = (mark: string, stream: boolean): Promise<Response> => {
        const word = wordOf((serial += 1))
        const front = fronts[serial % 2] ?? chatFront
        const body = JSON.stringify(front.body('m', `${mark} ${word}`, stream))
        const headers = { 'content-type': 'application/json', 'x-request-id': word }
        const answered = fetch(gateway.url + front.path, { method: 'POST', body, headers })
        asked.push(answered.then((response) => response.text()).catch(() => 'refused'))
        return answered
      }
      // They have begun when the order comes.
      await Promise.all(Array.from({ length: 5 }, () => ask(`[scene:long@60] ${customFault(endless)}`, true)))
      const until = performance.now() + 50 + next() * 300
      while (performance.now() < until) {
        for (let index = 0; index < 4; index += 1)
          ask(`[scene:long@10] ${customFault(quick)}`, index % 2 === 0).catch(() => {})
        await Bun.sleep(5)
      }
      const begun = performance.now()
      const exit = gateway.stop()
      for (let index = 0; index < 20; index += 1) ask('', index % 2 === 0).catch(() => {})
      expect(await exit).toBe(0)
      slowest = Math.max(slowest, performance.now() - begun)
      await Promise.all(asked)
    }
    expect(slowest).toBeLessThan((DRAIN_SECONDS + 2) * 1_000)
    // Nothing was left for a later start to find.
    expect(readdirSync(join(dataDirectory, 'journal'))).toEqual([])
    const rows = rowsByRequest(await readBooks(dataDirectory, stored))
    const entries = entriesByWord(upstream.ledger)
    const missing = [...entries.keys()].filter((word) => rows.get(word)?.length !== 1)
    expect(missing).toEqual([])
    const ended = [...rows.values()]
      .flat()
      .filter((row) => row.end_reason === 'gateway' && row.status === 200)
    expect(ended).toHaveLength(rounds * 5)
    for (const row of ended)
      expect([row.error_type, row.usage_source, row.completion_tokens > 0]).toEqual([
        'unavailable',
        'estimated',
        true,
      ])
    figure('C12', {
      store: backend.name,
      rounds,
      seed: SEED,
      requests: entries.size,
      missing: missing.length,
      ended_at_limit: ended.length,
      slowest_exit_ms: Math.round(slowest),
    })
    await upstream.close()
    rmSync(dataDirectory, { recursive: true, force: true })
  }, 1_200_000)
})
