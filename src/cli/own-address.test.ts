import { expect, test } from 'bun:test'
import { providers } from '../providers/list.ts'
import { withoutOwnAddress } from './own-address.ts'

const server = { host: '127.0.0.1', port: 8080 }

const rows: [string, { host: string; port: number }, boolean][] = [
  ['http://127.0.0.1:8080/v1', server, true],
  ['http://localhost:8080', server, true],
  ['http://[::1]:8080/v1', server, true],
  ['http://127.0.0.1:8081/v1', server, false],
  ['https://127.0.0.1:8080/v1', server, false],
  ['http://10.0.0.1:8080/v1', server, false],
  ['http://10.0.0.1:8080/v1', { host: '10.0.0.1', port: 8080 }, true],
  ['http://127.0.0.1:8080/v1', { host: '0.0.0.0', port: 8080 }, true],
  ['http://127.0.0.1', { host: '127.0.0.1', port: 80 }, true],
  ['not an address', server, false],
]
test.each(rows)('%s with the gateway at %j: its own is %p', (address, at, isOwn) => {
  const { environment, ignored } = withoutOwnAddress({ OPENAI_BASE_URL: address, HOME: '/' }, at, providers)
  expect(ignored).toEqual(isOwn ? ['OPENAI_BASE_URL'] : [])
  expect(environment).toEqual(isOwn ? { HOME: '/' } : { OPENAI_BASE_URL: address, HOME: '/' })
})
