// The bare pipe: what a proxy costs on this runtime that does nothing at all. The answer's body goes from socket to
// socket inside the runtime and is never seen. `bun bench/pipe.ts UPSTREAM_PORT`
const upstream = `http://127.0.0.1:${process.argv[2]}`
const SCHEME = 'http://'.length

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  idleTimeout: 0,
  async fetch(request) {
    const answer = await fetch(upstream + request.url.slice(request.url.indexOf('/', SCHEME)), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: await request.bytes(),
      signal: request.signal,
    })
    return new Response(answer.body, {
      status: answer.status,
      headers: { 'content-type': answer.headers.get('content-type') ?? '' },
    })
  },
  error: () => new Response(null, { status: 502 }),
})
process.stdout.write(`ready at http://127.0.0.1:${server.port}\n`)
