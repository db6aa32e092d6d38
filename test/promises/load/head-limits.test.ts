import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { type Office, openOffice } from '../keys/support/office.ts'
import { figure } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { sendBytes } from '../support/raw-http.ts'

/**
 * G10: what is too long is refused at once, before anything is asked about who calls, and without reading the rest. What
 * the runtime refuses by itself has a status and no body (docs/decisions/0020-load.md).
 */

const LIMIT_BYTES = 1_000_000
const AT_ONCE_MS = 20

let office: Office
let url: string
beforeAll(async () => {
  office = await openOffice({ toml: `[limits]\nmax_body_bytes = ${LIMIT_BYTES}\n` })
  url = office.gateways[0]?.url ?? ''
  // The first request of a program is not the one that is timed.
  for (let count = 0; count < 20; count += 1) await sendBytes(url, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
})
afterAll(() => office.close())

let n = 0
let slowest = 0
let mostTaken = 0
afterAll(() =>
  figure('G10', { n, slowest_ms: Math.round(slowest), bytes_taken: mostTaken, limit_bytes: LIMIT_BYTES }),
)

interface Case {
  name: string
  status: number
  /** The runtime's own answer: no dialect, no body. */
  isRuntimes?: boolean
  request(path: string): string
}

const post = (path: string, headers: string): string => `POST ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`
const json = 'content-type: application/json\r\n'

const cases: readonly Case[] = [
  {
    name: 'a declared body over the limit',
    status: 413,
    request: (path) => post(path, `${json}content-length: ${LIMIT_BYTES + 1}\r\n`),
  },
  {
    name: 'a declared body far over the limit',
    status: 413,
    request: (path) => post(path, `${json}content-length: 900000000\r\n`),
  },
  {
    name: 'an address of nine thousand characters',
    status: 414,
    request: (path) => `${post(`${path}?${'a'.repeat(9_000)}`, `${json}content-length: 2\r\n`)}{}`,
  },
  {
    name: 'an address of twenty thousand characters',
    status: 431,
    isRuntimes: true,
    request: (path) => post(`${path}?${'a'.repeat(20_000)}`, json),
  },
  {
    name: 'a header of twenty thousand characters',
    status: 431,
    isRuntimes: true,
    request: (path) => post(path, `${json}x-long: ${'a'.repeat(20_000)}\r\n`),
  },
  {
    name: 'two hundred and fifty headers',
    status: 431,
    isRuntimes: true,
    request: (path) => post(path, json + Array.from({ length: 250 }, (_, at) => `x-${at}: 1\r\n`).join('')),
  },
]

for (const front of fronts)
  describe(`G10, ${front.name}`, () => {
    test.each([...cases])('$name → $status', async ({ status, isRuntimes, request }) => {
      for (let round = 0; round < 5; round += 1) {
        const answer = await sendBytes(url, request(front.path))
        expect(answer.status).toBe(status)
        if (isRuntimes) expect(answer.body).toBe('')
        else expect(front.errorFault(answer.json)).toBeUndefined()
        n += 1
        slowest = Math.max(slowest, answer.milliseconds)
      }
    })

    test('a body that turns out to be over the limit', async () => {
      const { key } = await office.issue()
      const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`
      const start = post(front.path, `${json}authorization: Bearer ${key}\r\ntransfer-encoding: chunked\r\n`)
      const { status, sent } = await sendUntilClosed(start, chunk)
      // The connection is closed behind the answer: a client that only sends may never come to read it.
      expect([413, 0]).toContain(status)
      n += 1
      mostTaken = Math.max(mostTaken, sent)
    })

    test('a declared body that is sent all the same is not taken in for long', async () => {
      const start = post(front.path, `${json}content-length: 900000000\r\n`)
      const { status, sent } = await sendUntilClosed(start, 'a'.repeat(65_536))
      expect(status).toBe(413)
      n += 1
      mostTaken = Math.max(mostTaken, sent)
    })
  })

/** What two systems hold for one connection on this machine. */
const SYSTEM_BYTES = 12_000_000

test('G10: nothing was taken in beyond the limit and what the system holds', () => {
  expect(mostTaken).toBeGreaterThan(0)
  expect(mostTaken).toBeLessThan(LIMIT_BYTES + SYSTEM_BYTES)
})

test('G10: it was at once', () => {
  expect(slowest).toBeLessThan(AT_ONCE_MS * (process.env['XJP_LONG'] === undefined ? 10 : 1))
})

/** Sends pieces for as long as somebody takes them; the status that came, and how much was sent. */
function sendUntilClosed(start: string, piece: string): Promise<{ status: number; sent: number }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    let status = 0
    const socket = connect(Number(port), hostname, () => {
      socket.write(start)
      send()
    })
    const send = (): void => {
      while (socket.writable && socket.write(piece));
    }
    socket.on('drain', send)
    socket.on('data', (bytes) => {
      status ||= Number(/^HTTP\/1\.1 (\d+)/.exec(bytes.toString('latin1'))?.[1] ?? 0)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve({ status, sent: socket.bytesWritten }))
  })
}
