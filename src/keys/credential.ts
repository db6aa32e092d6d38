import { GatewayError } from '../protocol/model/error.ts'

/**
 * Where a client may put its key; all are read alike. Not the address (`?key=`) and not a cookie: addresses end up in
 * logs and histories, and a cookie is sent by a browser without its owner's will.
 */
const carriers = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const

const scheme = /^bearer(?:\s+|$)/i

/**
 * The credential of a request, whatever it is; undefined when there is none. Throws 400 when there are two different
 * ones, in two headers or in one header sent twice: nobody could say which one counts.
 */
export function credentialOf(headers: Headers): string | undefined {
  let found: string | undefined
  let holder = ''
  for (const name of carriers) {
    const value = headers.get(name)
    if (value === null) continue
    // The runtime joins headers that came twice with commas; no key has one.
    for (const part of value.includes(',') ? value.split(',') : [value]) {
      const credential = part.trim().replace(scheme, '')
      if (credential === '' || credential === found) continue
      if (found !== undefined) throw twoCredentials(holder, name)
      found = credential
      holder = name
    }
  }
  return found
}

function twoCredentials(first: string, second: string): GatewayError {
  const where = first === second ? first : `${first} and ${second}`
  return new GatewayError(
    'invalid_request',
    `${where}: hold two different credentials: send one, or the same in both`,
    { param: where },
  )
}

/** What proxies, tunnels and content networks add of their own accord; any of them tells. */
const traces = [
  ...['x-forwarded-for', 'forwarded', 'via', 'x-real-ip', 'x-forwarded-host', 'x-forwarded-proto'],
  ...['x-forwarded-port', 'x-forwarded-server', 'x-client-ip', 'true-client-ip', 'cf-connecting-ip'],
] as const

/** Whether a request came through a proxy, so that the peer's address says nothing about who calls. */
export function cameThroughProxy(headers: Headers): boolean {
  return traces.some((name) => headers.has(name))
}
