import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from '../../rig/gateway.ts'
import { modelToml } from '../support/stage.ts'
import { readBooks, rowsByRequest } from './support/books.ts'

test('C12: a count that its upstream has not answered is waited for, and has its row', async () => {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const upstream = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch() {
      asked.resolve()
      await answer.promise
      return Response.json({ input_tokens: 42 })
    },
  })
  const dataDirectory = mkdtempSync(join(tmpdir(), 'xjp-counting-'))
  const text = `[auth]\nmode = "open"\n[server]\ndrain_seconds = 5\n${modelToml('m', { provider: 'anthropic', model: 'claude-opus-4-6' })}`
  const gateway = await startGateway({
    dataDirectory,
    env: { ANTHROPIC_API_KEY: 'for-a-test', ANTHROPIC_BASE_URL: `http://127.0.0.1:${upstream.port}` },
    config: { name: 'xjp.toml', text },
  })
  const counted = fetch(`${gateway.url}/v1/messages/count_tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': 'counted' },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }] }),
  }).then((response) => response.json())
  await asked.promise
  const exit = gateway.stop()
  // Longer than what is on its way out is waited for.
  await Bun.sleep(1_500)
  answer.resolve()
  expect(await counted).toEqual({ input_tokens: 42 })
  expect(await exit).toBe(0)
  const rows = rowsByRequest(await readBooks(dataDirectory, {}))
  expect(rows.get('counted')).toMatchObject([{ status: 200, end_reason: 'complete', usage_source: 'none' }])
  await upstream.stop(true)
  rmSync(dataDirectory, { recursive: true, force: true })
}, 20_000)
