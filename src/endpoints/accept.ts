import { toGatewayError } from '../pipeline/answer-reader.ts'
import type { Call, ClientDialect, Refusal } from '../pipeline/call.ts'
import { LARGE_BYTES, nextTurn } from '../pipeline/turns.ts'
import { errorKinds, GatewayError } from '../protocol/model/error.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import { checkHead, parseBody, parseLargeBody, type ReadBody, readBytes } from './body.ts'
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

/**
 * Reads, checks and decodes one client request, and takes a place for it: whoever asked gives that back when the call is
 * over (`admission.release`). Throws errors that name the field; they have their account too, and hold no place.
 */
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
    gateway.admission.release(inbound)
    requestRefused(gateway, refusalOf(inbound, dialect, startedAt, inbound.givenUp ?? toGatewayError(thrown)))
    throw thrown
  }
}

function refusalOf(
  { request, requestId, identity, givenUp }: Inbound,
  dialect: DialectName,
  startedAt: number,
  error: GatewayError,
): Refusal {
  const left = request.signal.aborted && givenUp === undefined
  return {
    requestId,
    identity,
    endpoint: endpointNames[dialect],
    startedAt,
    error,
    headers: request.headers,
    status: left ? errorKinds.client_closed.status : error.status,
    endedBy: left ? 'client' : 'gateway',
  }
}

async function decodedCall(
  gateway: Gateway,
  inbound: Inbound,
  dialect: DialectName,
  decode: (client: ClientDialect, body: ReadBody) => ChatRequest,
  startedAt: number,
): Promise<Call> {
  const { request, requestId, identity } = inbound
  const snapshot = gateway.snapshot()
  const client = gateway.clients[dialect]
  if (!client) throw new GatewayError('internal', `No client side for ${dialect}`)
  gateway.admission.check(inbound)
  checkHead(request.headers, snapshot.limits)
  const bytes = await readBytes(request, snapshot.limits.maxBodyBytes, () => gateway.active.readOn(inbound))
  gateway.active.read(inbound)
  // Only now: a client that sends slowly holds no place meanwhile.
  const waits = gateway.admission.take(inbound)
  const queuedMs = waits && (await waits)
  const isLarge = bytes.length > LARGE_BYTES
  const body = isLarge ? await parseLargeBody(bytes) : parseBody(bytes)
  const decoded = decode(client, body)
  if (isLarge) await nextTurn()
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
      ...(queuedMs === undefined ? {} : { queuedMs }),
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

function isTrue(header: string | null): boolean {
  return header === '1' || header?.toLowerCase() === 'true'
}
