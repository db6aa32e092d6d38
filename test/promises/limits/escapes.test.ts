import { expect, test } from 'bun:test'
import { openOffice } from '../keys/support/office.ts'
import { figure } from '../support/figure.ts'
import { modelToml } from '../support/stage.ts'
import { ask } from './support/ask.ts'

/** D12: no alias, header style, path or spelling escapes a limit. */

const aliases = ['chat-completions', 'messages', 'generate-content', 'alias', 'alias-too']
const paths = [
  '/v1/chat/completions',
  '/chat/completions',
  '/v1/chat/completions/',
  '/v1/messages',
  '/v1/messages/',
  '/v1/chat/completions?x=1',
]
const carriers: readonly ((key: string) => Record<string, string>)[] = [
  (key) => ({ authorization: `Bearer ${key}` }),
  (key) => ({ authorization: `bearer  ${key}` }),
  (key) => ({ authorization: key }),
  (key) => ({ 'x-api-key': key }),
  (key) => ({ 'X-API-KEY': ` ${key} ` }),
  (key) => ({ 'api-key': key }),
  (key) => ({ 'x-goog-api-key': key }),
  (key) => ({ 'x-api-key': key, authorization: `Bearer ${key}` }),
  (key) => ({ authorization: `Bearer ${key}`, 'x-forwarded-for': '10.0.0.9', 'x-real-ip': '10.0.0.9' }),
]

test('promise D12: every alias × carrier × path is one limit', async () => {
  const office = await openOffice({
    toml: ['alias', 'alias-too']
      .map((name) => modelToml(name, { provider: 'openai', model: 'gpt-4.1' }))
      .join(''),
  })
  try {
    const url = office.gateways[0]?.url ?? ''
    const send = async (
      key: string,
      model: string,
      path: string,
      carrier: (key: string) => Record<string, string>,
    ) => {
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...carrier(key) },
        body: JSON.stringify({ model, max_tokens: 16, messages: [{ role: 'user', content: 'hello' }] }),
      })
      await response.text()
      return response.status
    }
    const limits = { requestsPerMinute: 1, concurrency: 1 }
    let n = 0
    let escapes = 0
    // One combination each uses the only request; then none of the others gets through.
    for (const [at, carrier] of carriers.entries()) {
      const { key } = await office.issue({ tenant: `t${at}`, limits })
      const model = aliases[at % aliases.length] as string
      expect(await send(key, model, paths[at % paths.length] as string, carrier)).toBe(200)
      for (const other of carriers)
        for (const path of paths)
          for (const alias of aliases) {
            n += 1
            if ((await send(key, alias, path, other)) !== 429) escapes += 1
          }
      const counted = await ask(url, { key, path: '/v1/messages/count_tokens', model: 'messages' })
      expect(counted.status).toBe(429)
      expect(counted.headers.get('retry-after')).not.toBeNull()
    }
    figure('D12', { n, escapes })
    expect(escapes).toBe(0)
  } finally {
    await office.close()
  }
}, 120_000)

test('a limit of the tenant holds for all its keys, whatever a key may by itself', async () => {
  const office = await openOffice({ toml: '[tenants.acme]\nrpm = 5\n' })
  try {
    const keys = await Promise.all(Array.from({ length: 4 }, () => office.issue({ unlimitedRequests: true })))
    const statuses: number[] = []
    for (let call = 0; call < 12; call += 1)
      statuses.push((await ask(office.gateways[0]?.url ?? '', { key: keys[call % 4]?.key ?? '' })).status)
    expect(statuses).toEqual([...Array(5).fill(200), ...Array(7).fill(429)])
  } finally {
    await office.close()
  }
})
