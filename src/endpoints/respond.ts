import { isStream, type Reply, type StreamBody } from '../pipeline/call.ts'
import { type StreamWriter, streamResponse } from '../platform/stream.ts'
import type { ClientSide } from '../protocol/dialects/dialect.ts'
import type { GatewayError } from '../protocol/model/error.ts'

/** Clients give up on header blocks of 16 KB; names of models and fields come from requests and may be any length. */
const MAXIMUM_HEADER_CHARACTERS = 2_000

const plain = /^[\x20-\x7e]*$/

/** Header values are bytes: anything beyond printable ASCII is percent-encoded, half a character is a question mark. */
export function headerValue(text: string): string {
  if (text.length <= MAXIMUM_HEADER_CHARACTERS && plain.test(text)) return text
  return text
    .slice(0, MAXIMUM_HEADER_CHARACTERS)
    .replace(/\p{Surrogate}/gu, '?')
    .replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character))
}

export function safeHeaders(headers: Record<string, string>): Record<string, string> {
  const safe: Record<string, string> = {}
  for (const name in headers) safe[name] = headerValue(headers[name] as string)
  return safe
}

/** An error before the first byte, in the caller's dialect. */
export function errorResponse(
  error: GatewayError,
  client: ClientSide,
  requestId: string,
  extra: Record<string, string> = {},
): Response {
  const { status, body } = client.encodeError(error, requestId)
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-request-id': requestId,
    'request-id': requestId,
    ...extra,
  }
  const { retryAfterSeconds } = error.details
  if (retryAfterSeconds !== undefined)
    headers['retry-after'] = String(Math.max(0, Math.ceil(retryAfterSeconds)))
  if (error.kind === 'unauthenticated') headers['www-authenticate'] = 'Bearer'
  if (!mayRepeat(error)) headers['x-should-retry'] = 'false'
  return new Response(JSON.stringify(body), { status, headers: safeHeaders(headers) })
}

/** An SDK obeys `retry-after`, for hours in silence when it says so, or repeats at once what it finds too long. */
const LONGEST_WAIT_SECONDS = 120

/**
 * Whether an SDK's own retry makes sense. After failures retries were made here already: a client that repeats them
 * multiplies the load. After a limit it does when the wait is short, or nobody said how long it is.
 */
function mayRepeat({ kind, retryable, details }: GatewayError): boolean {
  if (details.final) return false
  if (kind === 'rate_limited') return (details.retryAfterSeconds ?? 0) <= LONGEST_WAIT_SECONDS
  if (kind === 'quota_exhausted') return (details.retryAfterSeconds ?? Infinity) <= LONGEST_WAIT_SECONDS
  return !retryable
}

export interface StreamHooks {
  keepAlive: string
  keepAliveMs: number
  /** The last byte was written, or the client left. */
  onEnd(bytesSent: number, clientLeft: boolean): void
  /** Called once with a handle that ends the stream early (drain). */
  onOpen(writer: StreamWriter): void
}

export function replyResponse(reply: Reply, requestId: string, hooks: StreamHooks): Response {
  const headers = safeHeaders(reply.headers)
  headers['x-request-id'] = requestId
  headers['request-id'] = requestId
  if (isStream(reply.body)) return streamResponse(reply.body, { status: reply.status, headers }, hooks)
  hooks.onEnd(typeof reply.body === 'string' ? Buffer.byteLength(reply.body) : reply.body.length, false)
  return new Response(reply.body as BodyInit, { status: reply.status, headers })
}

/**
 * A stream whose upstream has not answered yet: the status goes out now with a first heartbeat (the runtime sends no
 * status without a byte behind it), more of them follow, and what becomes of the call comes later — its stream, or
 * its error as the stream's only event.
 */
export function pendingStream(
  reply: Promise<Reply>,
  heartbeat: string,
  onError: (thrown: unknown) => string,
): StreamBody {
  let body: StreamBody | undefined
  let begun = false
  let left = false
  let over = false
  return {
    async next() {
      if (over) return undefined
      if (!begun) {
        begun = true
        return heartbeat
      }
      if (body) return body.next()
      try {
        const settled = await reply
        if (isStream(settled.body)) {
          // The one who left had it ended there, or read on.
          if (left) return undefined
          body = settled.body
          return body.next()
        }
        over = true
        return settled.body
      } catch (thrown) {
        over = true
        return onError(thrown)
      }
    },
    cancel() {
      left = true
      if (body) return body.cancel()
      // Nobody asks for more: what comes of the call is waited for here, so that its record is complete.
      return reply.then(
        (settled) => (isStream(settled.body) ? settled.body.cancel() : undefined),
        () => {},
      )
    },
  }
}
