import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
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

/** C4 kill -9 at a random instant loses no request. */

const SEED = 20_261_122
const PER_SECOND = 50
const READY_MS = 3_000
const toml = `[auth]\nmode = "open"\n${modelToml('m', { provider: 'openai', model: 'gpt-4.1' })}${modelToml('a', { provider: 'anthropic', model: 'claude-opus-4-6' })}`

describe.each(backends)('C4: $name', (backend) => {
  const kills = backend.name === 'SQLite' ? size(10, 240) : size(3, 60)

  test(`${kills} kills under ${PER_SECOND} requests a second`, async () => {
    const next = random(SEED)
    const dataDirectory = mkdtempSync(join(tmpdir(), 'xjp-killed-'))
    const upstream = await startUpstream()
    const stored = await backend.environment()
    const start = () =>
      startGateway({
        dataDirectory,
        env: { ...upstream.environment, ...stored },
        config: { name: 'xjp.toml', text: toml },
      })
    const paced: Fault = { paceMs: 3 }
    const usual = await usualStartMs()
    let serial = 0
    let slowest = 0
    for (let kill = 0; kill < kills; kill += 1) {
      const begun = performance.now()
      const gateway = await start()
      slowest = Math.max(slowest, performance.now() - begun)
      const asked: Promise<unknown>[] = []
      const until = performance.now() + 150 + next() * 500
      while (performance.now() < until) {
        const word = wordOf((serial += 1))
        const front = fronts[serial % 2] ?? chatFront
        const marks = serial % 3 === 0 ? '' : `[scene:long@30] ${customFault(paced)}`
        const body = JSON.stringify(
          front.body(serial % 5 < 3 ? 'm' : 'a', `${marks} ${word}`, serial % 4 !== 0),
        )
        const headers = { 'content-type': 'application/json', 'x-request-id': word }
        asked.push(
          fetch(gateway.url + front.path, { method: 'POST', body, headers })
            .then((response) => response.text())
            .catch(() => 'cut'),
        )
        await Bun.sleep(1_000 / PER_SECOND)
      }
      gateway.kill('SIGKILL')
      await Promise.all([gateway.exited, ...asked])
    }
    const last = await start()
    const entries = entriesByWord(upstream.ledger)
    const deadline = performance.now() + 20_000
    let missing: string[] = []
    let rows = rowsByRequest(await readBooks(dataDirectory, stored))
    do {
      missing = [...entries.keys()].filter((word) => !rows.has(word))
      if (missing.length > 0) rows = rowsByRequest(await readBooks(dataDirectory, stored))
    } while (missing.length > 0 && performance.now() < deadline)
    expect(missing).toEqual([])
    let [interrupted, wrong] = [0, 0]
    for (const [word, seen] of entries) {
      const [row, ...twins] = rows.get(word) ?? []
      if (!row || twins.length > 0 || row.attempts.length !== seen.length) wrong += 1
      if (row?.end_reason !== 'interrupted') continue
      interrupted += 1
      // Flagged, and charged for the prompt that was with the upstream.
      if (row.usage_source !== 'estimated' || row.status !== 0 || row.prompt_tokens === 0) wrong += 1
    }
    expect(wrong).toBe(0)
    expect(interrupted).toBeGreaterThan(0)
    // What a gateway takes that has nothing to recover is this machine's own.
    expect(slowest).toBeLessThan(Math.max(READY_MS, 6 * Math.max(usual, await usualStartMs())))
    figure('C4', {
      store: backend.name,
      kills,
      seed: SEED,
      requests: entries.size,
      interrupted,
      without_row: missing.length,
      wrong,
      slowest_start_ms: Math.round(slowest),
    })
    await last.stop()
    await upstream.close()
    rmSync(dataDirectory, { recursive: true, force: true })
  }, 1_200_000)
})

async function usualStartMs(): Promise<number> {
  const begun = performance.now()
  const gateway = await startGateway({ config: { name: 'xjp.toml', text: toml } })
  const milliseconds = performance.now() - begun
  await gateway.stop()
  return milliseconds
}
