import { afterEach, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { newKey } from '../../../src/keys/key-format.ts'
import { type IssuedKey, issueKey, type KeyWishes } from '../../../src/keys/manage.ts'
import { openDatabase } from '../../../src/store/open.ts'
import { type GatewayOptions, type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { callAs, chat } from './support/office.ts'

/** Who is asked for a key: by the words of the configuration, and by whether there ever was one. */

const running: GatewayProcess[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((gateway) => gateway.stop()))
})

async function start(options: GatewayOptions): Promise<GatewayProcess> {
  const gateway = await startGateway(options)
  running.push(gateway)
  return gateway
}

/** Makes a key in the gateway's data directory, as the command line does beside it. */
async function issue({ dataDirectory }: GatewayProcess, wishes: Partial<KeyWishes> = {}): Promise<IssuedKey> {
  const database = openDatabase({ dataDir: dataDirectory, poolSize: 1, timeoutMs: 5_000 })
  try {
    return await issueKey(
      database.keys,
      { tenant: 'acme', ...wishes },
      { random: randomBytes, now: Date.now },
    )
  } finally {
    await database.close()
  }
}

async function remove({ dataDirectory }: GatewayProcess, id: string): Promise<void> {
  const database = openDatabase({ dataDir: dataDirectory, poolSize: 1, timeoutMs: 5_000 })
  await database.keys.delete(id, Date.now())
  await database.close()
}

/** Asks without a key until the status is this, at most five seconds. */
async function until(url: string, wanted: number): Promise<number> {
  let status = 0
  for (let tries = 0; tries < 200; tries++) {
    ;({ status } = await callAs(url, undefined))
    if (status === wanted) break
    await new Promise((wake) => setTimeout(wake, 25))
  }
  return status
}

const config = (text: string): GatewayOptions['config'] => ({ name: 'xjp.toml', text })
const saying = config('[server]\ndrain_seconds = 1\n')

describe('a file on this machine that says nothing of keys', () => {
  test('open until the first key is made; then everybody is asked, also after its end and after a restart', async () => {
    const gateway = await start({ config: saying })
    expect((await callAs(gateway.url, undefined)).status).toBe(200)
    expect((await callAs(gateway.url, 'sk-of-somebody-else')).status).toBe(200)
    const { key, record } = await issue(gateway)
    expect((await callAs(gateway.url, key)).status).toBe(200)
    expect(await until(gateway.url, 401)).toBe(401)
    expect((await callAs(gateway.url, key)).status).toBe(200)
    await remove(gateway, record.id)
    const again = await start({ config: saying, dataDirectory: gateway.dataDirectory })
    expect((await callAs(again.url, undefined)).status).toBe(401)
    expect((await callAs(again.url, key)).status).toBe(401)
  }, 30_000)

  test('who comes through a proxy is asked from the beginning', async () => {
    const gateway = await start({ config: saying })
    for (const name of ['x-forwarded-for', 'Forwarded', 'X-Real-IP'])
      expect(
        (await callAs(gateway.url, undefined, '/v1/models', { headers: { [name]: '127.0.0.1' } })).status,
      ).toBe(401)
  }, 30_000)
})

test('open mode: nobody is asked, but a key of ours counts with all it says', async () => {
  const gateway = await start({ config: config('[auth]\nmode = "open"\n') })
  const narrow = await issue(gateway, { scopes: ['other'] })
  const expired = await issue(gateway, { expiresAt: Date.now() - 1 })
  const ask = (key: string | undefined): ReturnType<typeof callAs> =>
    callAs(gateway.url, key, '/v1/chat/completions', chat('demo/echo'))
  expect((await ask(undefined)).status).toBe(200)
  expect((await ask('sk-of-somebody-else')).status).toBe(200)
  expect((await ask(newKey(randomBytes))).status).toBe(200)
  expect(await ask(narrow.key)).toMatchObject({ status: 403, code: 'model_not_allowed' })
  expect(await ask(expired.key)).toMatchObject({ status: 403, code: 'api_key_expired' })
}, 30_000)

test('keys mode: everybody is asked, from the first moment', async () => {
  const gateway = await start({ config: config('[auth]\nmode = "keys"\n') })
  expect((await callAs(gateway.url, undefined)).status).toBe(401)
  const { key } = await issue(gateway)
  expect((await callAs(gateway.url, key)).status).toBe(200)
}, 30_000)
