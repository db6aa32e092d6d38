/**
 * A process of its own, so that it measures the server and not the load beside it:
 *
 *     bun poll-driver.ts poll HZ NAME=URL …   asks each address so many times a second; prints `NAME STATUS MS` a line
 *     bun poll-driver.ts bare                 a server that does nothing but answer; prints its address
 *
 * Both end with their input. A poll that got no answer has the status 0.
 */
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'

const [mode, rate, ...targets] = process.argv.slice(2)
process.stdin.resume().on('end', () => process.exit(0))

if (mode === 'bare') {
  const server = createServer((_request, response) => response.end('{}'))
  server.listen(0, '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  })
} else {
  for (const target of targets) {
    const [name = '', url = ''] = target.split(/=(.*)/s)
    setInterval(() => poll(name, url), 1000 / Number(rate))
  }
}

/** Each over a connection of its own, as probes do; the next one does not wait for it. */
function poll(name: string, url: string): void {
  const begun = performance.now()
  const tell = (status: number): void =>
    console.log(`${name} ${status} ${(performance.now() - begun).toFixed(2)}`)
  get(url, { agent: false, timeout: 10_000 }, (response) => {
    response.resume().on('end', () => tell(response.statusCode ?? 0))
  })
    .on('timeout', function (this: { destroy(): void }) {
      this.destroy()
    })
    .on('error', () => tell(0))
}
