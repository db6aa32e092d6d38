import { toGatewayError } from '../pipeline/answer-reader.ts'
import type { Call } from '../pipeline/call.ts'
import { sendTo } from '../pipeline/exchange.ts'
import { prepareBody } from '../pipeline/request-body.ts'
import type { Target } from '../pipeline/target.ts'
import { checkScope } from '../policies/authorise.ts'
import { decodeCountRequest } from '../protocol/dialects/messages/count-tokens.ts'
import { errorKinds, type GatewayError } from '../protocol/model/error.ts'
import { estimateTokens } from '../protocol/model/estimate.ts'
import { isObject, parseJson } from '../protocol/model/json.ts'
import { readAll } from '../upstream/source.ts'
import { acceptCall } from './accept.ts'
import type { Gateway } from './gateway.ts'
import type { Inbound } from './inbound.ts'
import { endCall } from './log-call.ts'
import { errorResponse, safeHeaders } from './respond.ts'

const MAXIMUM_BYTES = 64 * 1024

/**
 * `POST /v1/messages/count_tokens`: the upstream's own count where it has one; otherwise, or when the upstream fails
 * to count, a local estimate that says so (`x-xjp-estimated: true`).
 */
export function countTokens(gateway: Gateway, inbound: Inbound): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  // It is among the calls that are open: it has a place, and is waited for at the end of the process.
  const giveUp = (error: GatewayError): void => {
    inbound.givenUp = error
    reject(error)
  }
  gateway.active.enter(inbound, giveUp, () => inbound.exchange.keepOpen())
  void answerTo(gateway, inbound)
    .then(resolve, reject)
    .finally(() => {
      gateway.active.leave(inbound)
      gateway.admission.release(inbound)
    })
  return promise
}

async function answerTo(gateway: Gateway, inbound: Inbound): Promise<Response> {
  const call = await acceptCall(gateway, inbound, 'messages', (_client, body) =>
    decodeCountRequest(body.json),
  )
  let counted: number | undefined
  try {
    counted = await counting(gateway, call)
  } catch (thrown) {
    const error = toGatewayError(thrown)
    if (error.kind === 'internal') throw thrown
    return errorResponse(error, call.client.client, call.id, call.replyHeaders)
  }
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-request-id': call.id,
    'request-id': call.id,
    ...call.replyHeaders,
  }
  if (counted === undefined) headers['x-xjp-estimated'] = 'true'
  return new Response(JSON.stringify({ input_tokens: counted ?? estimateTokens(call.request) }), {
    headers: safeHeaders(headers),
  })
}

/** The upstream's count, when there is one; whatever comes of it, the call is over then. */
async function counting(gateway: Gateway, call: Call): Promise<number | undefined> {
  const { record } = call
  record.endpoint = 'messages.count_tokens'
  try {
    checkScope(call.identity, call.request.model, call.snapshot)
    await gateway.limitRequests(call)
    const counted = await countedThere(gateway, call)
    record.status = 200
    record.endedBy = 'complete'
    return counted
  } catch (thrown) {
    record.error = toGatewayError(thrown)
    record.status = record.error.status
    record.endedBy = 'gateway'
    throw thrown
  } finally {
    if (call.left.aborted) {
      record.status = errorKinds.client_closed.status
      record.endedBy = 'client'
    }
    endCall(gateway, call)
  }
}

/** The count of the first open target; undefined when there is none, and when it has none. */
async function countedThere(gateway: Gateway, call: Call): Promise<number | undefined> {
  const place = gateway.countingTarget(call)
  try {
    return place && (await upstreamCount(gateway, call, place.target))
  } finally {
    place?.release()
  }
}

async function upstreamCount(gateway: Gateway, call: Call, target: Target): Promise<number | undefined> {
  const { provider } = target
  const dialect = target.dialect && gateway.outside.dialects[target.dialect]
  if (provider.kind !== 'http' || !dialect || !provider.place('count-tokens', target.model, target.settings))
    return undefined
  call.record.provider = target.settings.name
  call.record.target = target.label
  try {
    const prepared = prepareBody(call, target, provider, dialect, 'count-tokens')
    const response = await sendTo(call, target, provider, 'count-tokens', prepared.bytes, gateway.outside)
    const body = parseJson(Buffer.from(await readAll(response.body, MAXIMUM_BYTES)).toString())
    return response.status === 200 && isObject(body) ? dialect.upstream.decodeCount?.(body) : undefined
  } catch {
    return undefined
  }
}
