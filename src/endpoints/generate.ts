import { toGatewayError } from '../pipeline/answer-reader.ts'
import { type Call, isStream, type Reply, streamHeaders } from '../pipeline/call.ts'
import { scrubbed } from '../pipeline/scrub.ts'
import { abandon } from '../platform/stream.ts'
import { errorKinds, type GatewayError } from '../protocol/model/error.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import { acceptCall } from './accept.ts'
import { shuttingDown } from './admission.ts'
import { explained } from './explain.ts'
import type { Gateway } from './gateway.ts'
import type { Inbound } from './inbound.ts'
import { endCall } from './log-call.ts'
import { errorResponse, pendingStream, replyResponse, type StreamHooks } from './respond.ts'

/** `POST /v1/chat/completions`, `POST /v1/messages`: one chat request in, one answer out, whole or streamed. */
export function generate(gateway: Gateway, inbound: Inbound, dialect: DialectName): Promise<Response> {
  return new Promise((resolve, reject) => {
    void new Generation(gateway, inbound, resolve, reject).run(dialect)
  })
}

/** One call up to its response. A shutdown may come first: then that is the answer, and what comes later is let go. */
class Generation {
  readonly #gateway: Gateway
  readonly #inbound: Inbound
  readonly #resolve: (response: Response) => void
  readonly #reject: (thrown: unknown) => void
  #call: Call | undefined
  #isOver = false

  constructor(
    gateway: Gateway,
    inbound: Inbound,
    resolve: (response: Response) => void,
    reject: (thrown: unknown) => void,
  ) {
    this.#gateway = gateway
    this.#inbound = inbound
    this.#resolve = resolve
    this.#reject = reject
  }

  async run(dialect: DialectName): Promise<void> {
    const gateway = this.#gateway
    const inbound = this.#inbound
    gateway.active.enter(
      inbound,
      (error) => this.#giveUp(error),
      () => inbound.exchange.keepOpen(),
    )
    try {
      const call = await acceptCall(gateway, inbound, dialect)
      if (this.#isOver) {
        // Its client was told that already; what is left is its account.
        gateway.admission.release(inbound)
        failed(gateway, inbound, call, inbound.givenUp)
        return
      }
      this.#call = call
      const reply = gateway.handle(call)
      const settled = call.request.stream
        ? await unlessSlow(reply, gateway.snapshot().server.keepAliveMs)
        : await reply
      if (this.#isOver) void reply.then(letGo, () => {})
      else this.#answer(settled ?? pending(call, reply), call)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #answer(reply: Reply, call: Call): void {
    const ends = hooks(this.#gateway, call, this.#inbound, reply.status)
    const headers = explained(this.#gateway, this.#inbound, call, reply.headers)
    const response = call.left.aborted
      ? nobodyThere(reply, ends)
      : replyResponse({ ...reply, headers }, call.id, ends)
    this.#isOver = true
    this.#resolve(response)
  }

  #giveUp(error: GatewayError): void {
    if (!this.#isOver) this.#inbound.givenUp = error
    this.#fail(error)
  }

  #fail(thrown: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    over(this.#gateway, this.#inbound)
    if (this.#call) this.#resolve(failed(this.#gateway, this.#inbound, this.#call, thrown))
    else this.#reject(thrown)
  }
}

/** The call is over: it is waited for no more, and its place is free. */
function over(gateway: Gateway, inbound: Inbound): void {
  gateway.active.leave(inbound)
  gateway.admission.release(inbound)
}

/** A reply that nobody waits for any more. */
function letGo({ body }: Reply): void {
  if (isStream(body)) void body.cancel()
}

/** The client left while its answer was waited for: nothing is sent, and the call is over when its upstream is. */
function nobodyThere({ body }: Reply, ends: StreamHooks): Response {
  if (isStream(body)) {
    ends.onOpen({ finish: () => void body.cancel() })
    abandon(body, ends)
  } else ends.onEnd(0, true)
  return new Response(null, { status: errorKinds.client_closed.status })
}

/** The response to a call that failed before its first byte. */
function failed(gateway: Gateway, inbound: Inbound, call: Call, thrown: unknown): Response {
  const error = scrubbed(toGatewayError(thrown), call)
  call.record.error = error
  call.record.endedBy = call.left.aborted ? 'client' : endedBy(error)
  const attempts = call.record.attempts.length
  const headers =
    attempts > 0 ? { ...call.replyHeaders, 'x-xjp-attempts': String(attempts) } : call.replyHeaders
  const response = errorResponse(
    error,
    call.client.client,
    call.id,
    explained(gateway, inbound, call, headers),
  )
  call.record.status = call.left.aborted ? 499 : response.status
  endCall(gateway, call)
  return response
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

function hooks(gateway: Gateway, call: Call, inbound: Inbound, status: number): StreamHooks {
  const { client } = call.client
  return {
    keepAlive: client.keepAlive,
    keepAliveMs: gateway.snapshot().server.keepAliveMs,
    onOpen: (writer) =>
      gateway.active.onOpen(inbound, writer, () => {
        // Its upstream was read on without it.
        if (call.left.aborted) return ''
        call.record.endedBy = 'gateway'
        call.record.error = shuttingDown()
        return client.encodeStreamError(call.record.error, call.id)
      }),
    onEnd: (bytesSent, clientLeft) => {
      over(gateway, inbound)
      const left = clientLeft || call.left.aborted
      call.record.bytesSent = left && !call.record.stream ? 0 : bytesSent
      call.record.status = left ? 499 : status
      if (left) call.record.endedBy = 'client'
      endCall(gateway, call)
    },
  }
}
