import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server, type TLSSocket } from 'node:tls'

/** Certificates are made anew by `openssl`; without it nothing here can run. */
const hasOpenssl = Bun.which('openssl') !== null
const describeTls = hasOpenssl ? describe : describe.skip
if (!hasOpenssl) test.skip('TLS: needs the command openssl, which is not installed', () => {})

let folder = ''
/** What the server saw of each connection. */
const seen: { protocol: string | false | null; name: string | false | undefined }[] = []
const servers: Server[] = []

function openssl(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(['openssl', ...args], { cwd: folder })
  if (exitCode !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`)
}

/** A certificate of our authority: `name.pem` and `name.key`. */
function certify(name: string, alternativeNames: string, days = '2'): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`]
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${alternativeNames}\n`)
  openssl('req', ...key, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
  const issuer = ['-CA', 'authority.pem', '-CAkey', 'authority.key', '-CAcreateserial']
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    ...issuer,
    '-out',
    `${name}.pem`,
    '-days',
    days,
    '-extfile',
    `${name}.ext`,
  )
}

/** Answers every request with its body's length in a body of 2 MB. */
function answer(socket: TLSSocket): void {
  seen.push({ protocol: socket.alpnProtocol, name: (socket as { servername?: string | false }).servername })
  let length = 0
  let head = ''
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    length += bytes.length
    if (!head.includes('\r\n\r\n')) head += bytes.toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    const wanted = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (end === -1 || length < end + 4 + wanted) return
    const body = String(wanted).padEnd(2_097_152)
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    length = 0
    head = ''
  })
}

async function serve(name: string): Promise<number> {
  const server = createServer(
    {
      key: readFileSync(join(folder, `${name}.key`)),
      cert: readFileSync(join(folder, `${name}.pem`)),
      ALPNProtocols: ['h2', 'http/1.1'],
    },
    answer,
  )
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Sends requests from a process of its own, whose trust is its environment; each outcome is a number or a code. */
async function outcomes(
  urls: string[],
  environment: Record<string, string>,
  bodyBytes = 5,
): Promise<string[]> {
  const program = `
    const { send } = await import(${JSON.stringify(import.meta.resolve('../send.ts'))})
    const outcome = async (url) => {
      const signal = new AbortController().signal
      const timeouts = { connectMs: 5000, firstByteMs: 5000 }
      try {
        const body = 'x'.repeat(${bodyBytes})
        const response = await send({ url, method: 'POST', headers: {}, body, timeouts, signal })
        let text = ''
        for (let bytes = await response.body.read(); bytes; bytes = await response.body.read()) text += Buffer.from(bytes)
        return text.length === 2097152 ? text.trim() : 'wrong length ' + text.length
      } catch (thrown) {
        return (thrown.details?.code ?? String(thrown)) + ' ' + thrown.message.replace(/^.*\\((.*)\\)$/, '$1')
      }
    }
    const all = []
    for (const url of ${JSON.stringify(urls)}) all.push(await outcome(url))
    process.stdout.write(JSON.stringify(all))
    process.exit(0)`
  const { NODE_EXTRA_CA_CERTS: _, ...inherited } = process.env
  const child = Bun.spawn([process.execPath, '-e', program], {
    env: { ...inherited, ...environment },
    stdout: 'pipe',
  })
  return JSON.parse(await new Response(child.stdout).text())
}

describeTls('TLS', () => {
  let good = 0
  let other = 0
  let expired = 0
  let trust: Record<string, string> = {}

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'xjp-tls-'))
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'authority.key']
    openssl('req', '-x509', ...key, '-out', 'authority.pem', '-days', '2', '-subj', '/CN=Test authority')
    certify('good', 'DNS:localhost,IP:127.0.0.1')
    certify('other', 'DNS:other.example')
    // Ends before it begins.
    certify('expired', 'DNS:localhost', '-1')
    good = await serve('good')
    other = await serve('other')
    expired = await serve('expired')
    trust = { NODE_EXTRA_CA_CERTS: join(folder, 'authority.pem') }
  })
  afterAll(() => {
    for (const server of servers) server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('an authority from NODE_EXTRA_CA_CERTS, by name and by address, kept between requests', async () => {
    seen.length = 0
    const urls = [
      `https://localhost:${good}/`,
      `https://localhost:${good}/again`,
      `https://127.0.0.1:${good}/`,
    ]
    expect(await outcomes(urls, trust)).toEqual(['5', '5', '5'])
    // One connection for each origin; HTTP/1.1 even where HTTP/2 is offered; an address is not announced as a name.
    expect(seen).toEqual([
      { protocol: 'http/1.1', name: 'localhost' },
      { protocol: 'http/1.1', name: false },
    ])
  })

  test('large bodies both ways', async () => {
    expect(await outcomes([`https://localhost:${good}/`], trust, 20_000_000)).toEqual(['20000000'])
  }, 20_000)

  test('what is not verified is refused before a byte of the request is written', async () => {
    const urls = [
      `https://localhost:${other}/`,
      `https://127.0.0.1:${other}/`,
      `https://localhost:${expired}/`,
    ]
    expect(await outcomes(urls, trust)).toEqual([
      'connection_failed ERR_TLS_CERT_ALTNAME_INVALID',
      'connection_failed ERR_TLS_CERT_ALTNAME_INVALID',
      'connection_failed CERT_HAS_EXPIRED',
    ])
    expect(await outcomes([`https://localhost:${good}/`], {})).toEqual([
      'connection_failed UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ])
  })

  test('verification can be switched off as for every client of the runtime', async () => {
    expect(await outcomes([`https://localhost:${other}/`], { NODE_TLS_REJECT_UNAUTHORIZED: '0' })).toEqual([
      '5',
    ])
  })

  test('a peer that takes the connection and never shakes hands runs into the connect clock, and is left', async () => {
    let left = Promise.withResolvers<void>()
    const silent = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: { data() {}, close: () => left.resolve() },
    })
    const { send } = await import('../send.ts')
    for (let times = 0; times < 2; times += 1) {
      left = Promise.withResolvers<void>()
      const request = {
        url: `https://127.0.0.1:${silent.port}/`,
        method: 'GET' as const,
        headers: {},
        timeouts: { connectMs: 100, firstByteMs: 5_000 },
        signal: new AbortController().signal,
      }
      await expect(send(request)).rejects.toThrow('connect time-out')
      await left.promise
    }
    silent.stop(true)
  })

  test('a peer that speaks no TLS', async () => {
    const plain = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('plain') })
    expect(await outcomes([`https://127.0.0.1:${plain.port}/`], trust)).toEqual(['connection_failed EPROTO'])
    plain.stop(true)
  })
})
