import { toGatewayError } from '../pipeline/answer-reader.ts'
import { type Call, type Reply, streamHeaders } from '../pipeline/call.ts'
import { scrubbed } from '../pipeline/scrub.ts'
import { errorKinds, GatewayError } from '../protocol/model/error.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import { acceptCall } from './accept.ts'
import type { Gateway } from './gateway.ts'
import type { Inbound } from './inbound.ts'
import { endCall } from './log-call.ts'
import { errorResponse, pendingStream, replyResponse, type StreamHooks } from './respond.ts'

/** `POST /v1/chat/completions`, `POST /v1/messages`: one chat request in, one answer out, whole or streamed. */
export async function generate(gateway: Gateway, inbound: Inbound, dialect: DialectName): Promise<Response> {
  const token = {}
  const shutdown = Promise.withResolvers<never>()
  // It may come while the body is still being read: nobody waits for it then.
  shutdown.promise.catch(() => {})
  gateway.active.enter(
    token,
    () => shutdown.reject(shuttingDown()),
    () => inbound.exchange.keepOpen(),
  )
  let call: Call | undefined
  try {
    call = await acceptCall(gateway, inbound, dialect)
    const reply = Promise.race([gateway.handle(call), shutdown.promise])
    const settled = call.request.stream
      ? await unlessSlow(reply, gateway.snapshot().server.keepAliveMs)
      : await reply
    return replyResponse(settled ?? pending(call, reply), call.id, hooks(gateway, call, token))
  } catch (thrown) {
    gateway.active.leave(token)
    if (!call) throw thrown
    const error = scrubbed(toGatewayError(thrown), call)
    call.record.error = error
    call.record.endedBy = call.signal.aborted ? 'client' : endedBy(error)
    const attempts = call.record.attempts.length
    const response = errorResponse(
      error,
      call.client.client,
      call.id,
      attempts > 0 ? { ...call.replyHeaders, 'x-xjp-attempts': String(attempts) } : call.replyHeaders,
    )
    call.record.status = call.signal.aborted ? 499 : response.status
    endCall(gateway, call)
    return response
  }
}

function shuttingDown(): GatewayError {
  return new GatewayError('unavailable', 'The gateway is shutting down', { retryAfterSeconds: 5 })
}

/** Our own refusals and failures are ours; what an upstream said, or failed to say, is its. */
function endedBy(error: GatewayError): 'gateway' | 'upstream' {
  return error.details.upstream !== undefined || errorKinds[error.kind].counts ? 'upstream' : 'gateway'
}

/** The reply, or undefined when it takes longer than one heartbeat: then the client must hear something. */
async function unlessSlow(reply: Promise<Reply>, milliseconds: number): Promise<Reply | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const slow = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds)
  })
  try {
    return await Promise.race([reply, slow])
  } finally {
    clearTimeout(timer)
  }
}

function pending(call: Call, reply: Promise<Reply>): Reply {
  return {
    status: 200,
    headers: { ...streamHeaders, ...call.replyHeaders },
    body: pendingStream(reply, call.client.client.keepAlive, (thrown) => {
      const error = scrubbed(toGatewayError(thrown), call)
      call.record.error = error
      call.record.endedBy = endedBy(error)
      return call.client.client.encodeStreamError(error, call.id)
    }),
  }
}

function hooks(gateway: Gateway, call: Call, token: object): StreamHooks {
  const { client } = call.client
  return {
    keepAlive: client.keepAlive,
    keepAliveMs: gateway.snapshot().server.keepAliveMs,
    onOpen: (writer) =>
      gateway.active.onOpen(token, writer, () => {
        call.record.endedBy = 'gateway'
        call.record.error = shuttingDown()
        return client.encodeStreamError(call.record.error, call.id)
      }),
    onEnd: (bytesSent, clientLeft) => {
      gateway.active.leave(token)
      call.record.bytesSent = bytesSent
      call.record.status = clientLeft ? 499 : 200
      if (clientLeft) call.record.endedBy = 'client'
      endCall(gateway, call)
    },
  }
}
