import { expect, test } from 'bun:test'
import { requestTo, scriptedUpstream } from './testing.ts'

/**
 * Whether a request goes through a proxy is decided by the environment a process began with, so each case is a process
 * of its own. The other promises of this client are tested beside our own one's, in `send.test.ts`.
 */
async function answerTo(url: string, environment: Record<string, string>): Promise<string> {
  const { headers, body } = requestTo(url)
  const program = `
    const { send } = await import(${JSON.stringify(import.meta.resolve('./send.ts'))})
    const request = ${JSON.stringify({ url, method: 'POST', headers, body, timeouts: { firstByteMs: 5_000 } })}
    const response = await send({ ...request, signal: new AbortController().signal })
    let text = ''
    for (let bytes = await response.body.read(); bytes; bytes = await response.body.read()) text += Buffer.from(bytes)
    process.stdout.write(text)
    process.exit(0)`
  const child = Bun.spawn([process.execPath, '-e', program], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdout: 'pipe',
  })
  return new Response(child.stdout).text()
}

test('a request goes through the proxy of the environment, unless its host is excepted', async () => {
  const says = (text: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`
  const upstream = await scriptedUpstream((socket) => socket.write(says('upstream')))
  const proxy = await scriptedUpstream((socket) => socket.write(says('proxy')))
  const HTTP_PROXY = new URL(proxy.url).origin
  expect(await answerTo(upstream.url, {})).toBe('upstream')
  expect(await answerTo(upstream.url, { HTTP_PROXY })).toBe('proxy')
  expect(await answerTo('http://nothing.invalid/v1', { HTTP_PROXY })).toBe('proxy')
  expect(await answerTo(upstream.url, { HTTP_PROXY, NO_PROXY: 'other.test,127.0.0.1' })).toBe('upstream')
  expect(await answerTo(upstream.url, { HTTPS_PROXY: HTTP_PROXY })).toBe('upstream')
  upstream.close()
  proxy.close()
})

test('credentials in an address are the runtime’s business', async () => {
  const upstream = await scriptedUpstream((socket) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
  )
  expect(await answerTo(upstream.url.replace('http://', 'http://name:secret@'), {})).toBe('ok')
  upstream.close()
})
