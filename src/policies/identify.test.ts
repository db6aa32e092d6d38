import { expect, test } from 'bun:test'
import { GatewayError } from '../protocol/model/error.ts'
import { identify } from './identify.ts'
import { callWith } from './testing.ts'

const reply = { status: 200, headers: {}, body: 'in' }

const rows: [string, Record<string, string>, string | undefined][] = [
  ['no credential', {}, undefined],
  ['one', { authorization: 'Bearer XJP_a' }, undefined],
  ['the same in two places', { authorization: 'bearer XJP_a', 'x-api-key': 'XJP_a' }, undefined],
  [
    'two different ones',
    { authorization: 'Bearer XJP_a', 'x-api-key': 'XJP_b' },
    'authorization and x-api-key',
  ],
  [
    'in the headers of other vendors',
    { 'api-key': 'a', 'x-goog-api-key': 'b' },
    'api-key and x-goog-api-key',
  ],
]
test.each(rows)('%s', async (_name, headers, param) => {
  const call = callWith({ headers: new Headers(headers) })
  const answered = (async () => identify(async () => reply)(call))()
  if (param === undefined) expect(await answered).toBe(reply)
  else {
    const error = await answered.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(GatewayError)
    expect(error).toMatchObject({ kind: 'invalid_request', details: { param } })
  }
})
