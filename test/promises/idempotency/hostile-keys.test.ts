import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createClient } from '@redis/client'
import { testRedis } from '../../support/services/redis.ts'
import { figure } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { sendBytes } from '../support/raw-http.ts'
import { openReplicas, type Replicas } from './support/replicas.ts'

/** E7 hostile keys are refused. The bytes go out as they are written here: no client corrects them. */

let replicas: Replicas
let redisUrl: string
beforeAll(async () => {
  redisUrl = (await testRedis()).url
  replicas = await openReplicas({ redisUrl })
})
afterAll(() => replicas.close())

const refused: [string, string][] = [
  ['empty', 'idempotency-key: '],
  ['nothing but spaces', 'idempotency-key:      '],
  ['256 characters', `idempotency-key: ${'k'.repeat(256)}`],
  ['10,000 characters', `idempotency-key: ${'k'.repeat(10_000)}`],
  ['a space', 'idempotency-key: a b'],
  ['a tab', 'idempotency-key: a\tb'],
  ['twice', 'idempotency-key: a\r\nidempotency-key: b'],
  ['twice the same', 'idempotency-key: a\r\nIdempotency-Key: a'],
  ['a list', 'idempotency-key: a,b'],
  ['a glob', 'idempotency-key: xjp*'],
  ['any one', 'idempotency-key: xjp?'],
  ['a class', 'idempotency-key: [a-z]'],
  ['a hash tag', 'idempotency-key: {tag}'],
  ['a backslash', 'idempotency-key: a\\r\\nDEL'],
  ['Lua', `idempotency-key: ');redis.call('FLUSHALL')--`],
  ['a Redis command', 'idempotency-key: *1\\r\\n$8\\r\\nFLUSHALL'],
  ['no ASCII', 'idempotency-key: \u00fc'],
  ['a delete character', 'idempotency-key: a\u007f'],
]

function request(path: string, header: string, body: string): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${header}\r\n\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)])
}

test.each(refused)('E7: a key that is %s', async (_, header) => {
  for (const front of fronts) {
    const body = JSON.stringify(front.body('messages', 'hostile', false))
    const seen = await sendBytes(replicas.gateways[0]?.url ?? '', request(front.path, header, body))
    expect([seen.status, front.errorFault(seen.json)]).toEqual([400, undefined])
    expect(front.errorMessage(seen.json)).toStartWith('idempotency-key: ')
  }
})

/** The HTTP parser itself refuses these, before anything of ours sees them. */
test.each([
  ['a million bytes', `idempotency-key: ${'k'.repeat(1_000_000)}`, [400, 413, 431, 0]],
  ['a NUL', 'idempotency-key: a\u0000b', [400]],
  ['a lone CR', 'idempotency-key: a\rb', [400]],
  ['a folded line', 'idempotency-key: a\r\n b', [400]],
] as const)('E7: a key with %s', async (_, header, statuses) => {
  const body = JSON.stringify(fronts[0]?.body('messages', 'hostile', false))
  const url = replicas.gateways[0]?.url ?? ''
  const sent = sendBytes(url, request('/v1/chat/completions', header, body))
  const status = await sent.then(
    (seen) => seen.status,
    () => 0,
  )
  expect(statuses as readonly number[]).toContain(status)
})

test('E7: nothing reached the upstream, and nothing but our own names is in Redis', async () => {
  const client = createClient({ url: redisUrl })
  await client.connect()
  const names = await client.keys(`idem-${process.pid}-*idempotency*`)
  client.destroy()
  figure('E7', {
    n: refused.length * fronts.length + 4,
    executions: replicas.upstream.ledger.withText('hostile').length,
    names_in_redis: names.length,
  })
  expect(replicas.upstream.ledger.withText('hostile')).toEqual([])
  expect(names.every((name) => /^idem-\d+-\d+:idempotency:(?:process:\w{24}|[\w-]{43})$/.test(name))).toBe(
    true,
  )
})
