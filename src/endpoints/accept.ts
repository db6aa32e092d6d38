import { toGatewayError } from '../pipeline/answer-reader.ts'
import type { Call, ClientDialect, Refusal } from '../pipeline/call.ts'
import { errorKinds, GatewayError } from '../protocol/model/error.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import { checkHead, parseBody, type ReadBody, readBytes } from './body.ts'
import type { Gateway } from './gateway.ts'
import type { Inbound } from './inbound.ts'
import { leaving } from './leaving.ts'
import { callBegun, requestRefused } from './log-call.ts'

const endpointNames: Readonly<Record<DialectName, string>> = {
  'chat-completions': 'chat.completions',
  messages: 'messages',
  responses: 'responses',
  'generate-content': 'generate-content',
}

/** Reads, checks and decodes one client request. Throws errors that name the field; they have their account too. */
export async function acceptCall(
  gateway: Gateway,
  inbound: Inbound,
  dialect: DialectName,
  decode = (client: ClientDialect, body: ReadBody): ChatRequest => client.client.decodeRequest(body.json),
): Promise<Call> {
  const startedAt = performance.now()
  try {
    const call = await decodedCall(gateway, inbound, dialect, decode, startedAt)
    gateway.begin(call)
    callBegun(gateway, call)
    return call
  } catch (thrown) {
    requestRefused(gateway, refusalOf(inbound, dialect, startedAt, toGatewayError(thrown)))
    throw thrown
  }
}

function refusalOf(
  { request, requestId, identity }: Inbound,
  dialect: DialectName,
  startedAt: number,
  error: GatewayError,
): Refusal {
  const left = request.signal.aborted
  return {
    requestId,
    identity,
    endpoint: endpointNames[dialect],
    startedAt,
    error,
    status: left ? errorKinds.client_closed.status : error.status,
    endedBy: left ? 'client' : 'gateway',
  }
}

async function decodedCall(
  gateway: Gateway,
  { request, requestId, identity }: Inbound,
  dialect: DialectName,
  decode: (client: ClientDialect, body: ReadBody) => ChatRequest,
  startedAt: number,
): Promise<Call> {
  const snapshot = gateway.snapshot()
  const client = gateway.clients[dialect]
  if (!client) throw new GatewayError('internal', `No client side for ${dialect}`)
  if (gateway.draining)
    throw new GatewayError('unavailable', 'The gateway is shutting down', { retryAfterSeconds: 5 })
  checkInflight(gateway, snapshot.limits.maxInflight)
  checkHead(request.headers, snapshot.limits)
  const body = parseBody(await readBytes(request, snapshot.limits.maxBodyBytes))
  const decoded = decode(client, body)
  return {
    id: requestId,
    client,
    body: body.bytes,
    members: body.members,
    request: decoded,
    headers: request.headers,
    snapshot,
    ...leaving(request.signal, snapshot.usage),
    identity,
    tenant: identity.tenant,
    strict: snapshot.translation.strict || isTrue(request.headers.get('x-xjp-strict')),
    startedAt,
    scrub: scrubOf(gateway),
    record: {
      endpoint: endpointNames[dialect],
      model: decoded.model,
      stream: decoded.stream,
      attempts: [],
      dropped: [],
      bytesSent: 0,
    },
    taps: [],
    ends: [],
    replyHeaders: {},
    targets: [],
  }
}

/** Made here, so that it holds no more than it needs for as long as the call lasts. */
function scrubOf({ redactor }: Gateway): Call['scrub'] {
  return (text) => redactor.text(text)
}

/** `limits.max_inflight`: the call itself counts already. */
function checkInflight(gateway: Gateway, limit: number | undefined): void {
  if (limit === undefined || gateway.active.count <= limit) return
  throw new GatewayError(
    'unavailable',
    `This gateway serves ${limit} calls at a time (limits.max_inflight); try again`,
    {
      code: 'max_inflight',
      retryAfterSeconds: 1,
    },
  )
}

function isTrue(header: string | null): boolean {
  return header === '1' || header?.toLowerCase() === 'true'
}
