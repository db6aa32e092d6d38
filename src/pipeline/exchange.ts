import type { AnswerContext, Dialect } from '../protocol/dialects/dialect.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { estimateTokens } from '../protocol/model/estimate.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { fold } from '../protocol/model/fold.ts'
import { isObject, type JsonObject, parseJson } from '../protocol/model/json.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import type {
  HttpPlace,
  HttpProvider,
  LocalProvider,
  Operation,
  ProviderSettings,
  Services,
} from '../providers/provider.ts'
import type { Send, UpstreamResponse } from '../upstream/send.ts'
import { heard, readAll, readNow } from '../upstream/source.ts'
import { type AnswerReader, LocalAnswerReader, SseAnswerReader, WholeAnswerReader } from './answer-reader.ts'
import { AnswerStream } from './answer-stream.ts'
import { type Call, type Reply, releaseBody, streamHeaders } from './call.ts'
import { replaceMembers, scanJson } from './json-scan.ts'
import { PassThroughRenderer, type Renderer, TranslatingRenderer } from './render.ts'
import { asksForUsage, checkLosses, clientPath, type PreparedBody, prepareBody } from './request-body.ts'
import type { Target } from './target.ts'
import { namingDecoder, replacedNames, withOwnNames } from './tool-names.ts'

/** What an exchange needs of the world. */
export interface Outside {
  dialects: Readonly<Record<DialectName, Dialect | undefined>>
  send: Send
  services: Services
  /** Milliseconds since 1970. */
  now(): number
  /** A fresh id of 24 base62 characters. */
  newId(): string
}

const MAXIMUM_ERROR_BYTES = 1024 * 1024
/** Far above any real answer (images included), low enough that an endless one hurts nobody (promise A10). */
const MAXIMUM_ANSWER_BYTES = 24 * 1024 * 1024

/** One attempt: one request to one target. Resolves when the answer's first content is there; throws before it. */
export function exchange(call: Call, target: Target, outside: Outside): Promise<Reply> {
  call.record.provider = target.settings.name
  call.record.target = target.label
  return target.provider.kind === 'local'
    ? localExchange(call, target, target.provider, outside)
    : httpExchange(call, target, target.provider, outside)
}

async function localExchange(
  call: Call,
  target: Target,
  provider: LocalProvider,
  outside: Outside,
): Promise<Reply> {
  const dropped = provider.losses?.(call.request, target.settings) ?? []
  checkLosses(call, dropped)
  call.record.dropped = dropped
  const controller = new AbortController()
  const signal = AbortSignal.any([call.signal, controller.signal])
  const batches = provider.open({
    model: target.model,
    request: call.request,
    settings: target.settings,
    signal,
    newId: outside.newId,
    now: Math.floor(outside.now() / 1000),
  })
  return answer(call, target, new LocalAnswerReader(batches, controller), undefined, outside)
}

async function httpExchange(
  call: Call,
  target: Target,
  provider: HttpProvider,
  outside: Outside,
): Promise<Reply> {
  const dialect = target.dialect && outside.dialects[target.dialect]
  if (!dialect) throw new GatewayError('internal', `No dialect for ${target.label}`)
  const operation: Operation = call.request.stream ? 'stream' : 'generate'
  const prepared = prepareBody(call, target, provider, dialect, operation)
  call.record.dropped = prepared.dropped
  const { attempt, capture } = call
  if (attempt) attempt.sentAt = performance.now()
  if (attempt && capture) capture.request(attempt, prepared.bytes)
  const response = await sendTo(call, target, provider, operation, prepared.bytes, outside)
  if (attempt) {
    attempt.answeredAt = performance.now()
    attempt.status = response.status
    if (capture) response.body = heard(response.body, (bytes) => capture.response(attempt, bytes))
  }
  if (response.status < 200 || response.status > 299) throw await errorOf(response, dialect, outside)
  const context = { newId: outside.newId, maker: target.label }
  const names = replacedNames(prepared.passedThrough ? undefined : call.request.tools, dialect.upstream)
  if (isEventStream(response))
    return answer(
      call,
      target,
      new SseAnswerReader(response.body, namingDecoder(dialect.upstream.decodeStream(context), names)),
      prepared,
      outside,
    )
  const bytes =
    readNow(response.body, MAXIMUM_ANSWER_BYTES) ?? (await readAll(response.body, MAXIMUM_ANSWER_BYTES))
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  const body = wholeBody(text, response, dialect)
  const events = withOwnNames(dialect.upstream.decodeAnswer(body, context), names)
  if (prepared.passedThrough && !call.request.stream) return passedWhole(call, bytes, text, body, events)
  if (!call.request.stream) return wholeAnswer(call, events, answerContext(call, target, outside))
  return answer(call, target, new WholeAnswerReader(events), { ...prepared, passedThrough: false }, outside)
}

/** Sends one operation's body to its place with the provider's credentials and headers. */
export function sendTo(
  call: Call,
  target: Target,
  provider: HttpProvider,
  operation: Operation,
  body: string | Uint8Array,
  outside: Outside,
): Promise<UpstreamResponse> {
  // Nearly always everything is known at once, and nothing has to be waited for.
  const send = (station: Station): Promise<UpstreamResponse> => {
    const { settings, place, headers } = station
    const authorised = (credentials: Record<string, string>): Promise<UpstreamResponse> =>
      outside.send({
        url: place.url,
        method: place.method,
        headers: {
          ...headers,
          ...forwarded(call, provider, target),
          ...settings.headers,
          ...credentials,
          ...call.trace?.sent(call.attempt, place.url),
        },
        body,
        timeouts: target.timeouts,
        signal: call.signal,
      })
    const credentials = provider.authorise(settings, outside.services, call.signal)
    return credentials instanceof Promise ? credentials.then(authorised) : authorised(credentials)
  }
  const station = stations.get(target)?.get(operation)
  return station ? send(station) : stationOf(call, target, provider, operation, outside).then(send)
}

/** What stays the same for every call of one operation on one target. */
interface Station {
  settings: ProviderSettings
  place: HttpPlace
  headers: Record<string, string>
}

/** Targets live as long as their configuration, so this is worked out once a target and operation. */
const stations = new WeakMap<Target, Map<Operation, Station>>()

async function stationOf(
  call: Call,
  target: Target,
  provider: HttpProvider,
  operation: Operation,
  outside: Outside,
): Promise<Station> {
  const { model } = target
  const settings =
    (await provider.complete?.(target.settings, outside.services, call.signal)) ?? target.settings
  const place = provider.place(operation, model, settings)
  if (!place) throw new GatewayError('unsupported', `${target.label} does not offer ${operation}`)
  const headers = {
    'content-type': 'application/json',
    accept: operation === 'stream' ? 'text/event-stream' : 'application/json',
    'accept-encoding': 'identity',
    ...provider.headers?.(settings, model),
  }
  const station = { settings, place, headers }
  // Settings that credentials completed may change with them.
  if (settings === target.settings) {
    let kept = stations.get(target)
    if (!kept) stations.set(target, (kept = new Map()))
    kept.set(operation, station)
  }
  return station
}

function forwarded(call: Call, provider: HttpProvider, target: Target): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of provider.forwardHeaders ?? []) {
    const value = call.headers.get(name)
    const kept = value === null ? undefined : forwardedValue(name, value, call, target)
    if (kept !== undefined) headers[name] = kept
  }
  return headers
}

/**
 * Version and betas speak of the body's language, so they go up only with a body of that language; betas that the
 * host does not take stay behind, as do their members of the body (request-body.ts).
 */
function forwardedValue(name: string, value: string, call: Call, target: Target): string | undefined {
  if (!name.startsWith('anthropic-')) return value
  if (target.dialect !== call.client.name) return undefined
  const { betas } = target.capabilities
  if (name !== 'anthropic-beta' || betas === 'all') return value
  const kept = value.split(',').filter((beta) => betas.includes(beta.trim()))
  return kept.length === 0 ? undefined : kept.join(',')
}

function isEventStream(response: UpstreamResponse): boolean {
  return response.header('content-type')?.toLowerCase().startsWith('text/event-stream') === true
}

async function errorOf(
  response: UpstreamResponse,
  dialect: Dialect,
  { now }: Outside,
): Promise<GatewayError> {
  const bytes = await readAll(response.body, MAXIMUM_ERROR_BYTES)
  // The date to wait for counts from the answer's own; an answer without one was sent now.
  const header = (name: string): string | null =>
    response.header(name) ?? (name === 'date' ? new Date(now()).toUTCString() : null)
  return dialect.upstream.decodeError(response.status, Buffer.from(bytes).toString(), header)
}

/** The JSON object of a whole answer; an upstream that answers with anything else has failed. */
function wholeBody(text: string, response: UpstreamResponse, dialect: Dialect): JsonObject {
  const body = parseJson(text)
  if (isObject(body)) return body
  const type = response.header('content-type') ?? 'no content type'
  const found = text.trim() === '' ? 'an empty body' : Array.isArray(body) ? 'a JSON array' : `${type}`
  throw new GatewayError(
    'upstream_invalid',
    `The upstream answered ${response.status} with ${found} where a JSON object was expected`,
    {
      upstream: { dialect: dialect.name, status: response.status, body: text.slice(0, 2_000) },
    },
  )
}

/** What stands for bytes that are no UTF-8: a text with it may not say what the bytes said. */
const REPLACEMENT = '\ufffd'

/**
 * A whole answer in the client's own dialect: what the upstream sent, with the model's name the client asked for. It is
 * handed on as text, which the runtime writes far more cheaply than bytes.
 */
function passedWhole(
  call: Call,
  bytes: Uint8Array,
  text: string,
  body: JsonObject,
  events: AnswerEvent[],
): Reply {
  const failed = events.find((event) => event.type === 'answer-error')
  if (failed?.type === 'answer-error') throw failed.error
  deliver(call, events)
  const theirs = body['model']
  const renames = typeof theirs === 'string' && theirs !== call.request.model
  const exact = text.includes(REPLACEMENT) ? bytes : text
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...describe(call) },
    body: renames ? renamed(exact, text, theirs, call.request.model) : exact,
  }
}

/** The answer with the model's name replaced. Where only one place can be meant, it is not looked for by grammar. */
function renamed(
  exact: string | Uint8Array,
  text: string,
  theirs: string,
  ours: string,
): string | Uint8Array {
  const name = JSON.stringify(ours)
  if (typeof exact !== 'string')
    return replaceMembers(exact, scanJson(exact, unlimited), new Map([['model', name]]))
  const key = text.indexOf('"model"') + '"model"'.length
  const value = JSON.stringify(theirs)
  const at = text.indexOf(value, key)
  if (at !== -1 && /^\s*:\s*$/.test(text.slice(key, at)) && text.indexOf('"model"', at) === -1)
    return text.slice(0, at) + name + text.slice(at + value.length)
  const bytes = Buffer.from(text)
  return replaceMembers(bytes, scanJson(bytes, unlimited), new Map([['model', name]]))
}

/** Answers are the upstream's to shape: only their members' places are wanted. */
const unlimited = {
  depth: 1_000,
  keys: Number.MAX_SAFE_INTEGER,
  items: Number.MAX_SAFE_INTEGER,
  values: Number.MAX_SAFE_INTEGER,
}

async function answer(
  call: Call,
  target: Target,
  reader: AnswerReader,
  prepared: PreparedBody | undefined,
  outside: Outside,
): Promise<Reply> {
  const context = answerContext(call, target, outside)
  if (!call.request.stream) return wholeAnswer(call, await eventsOf(reader), context)
  const stream = await new AnswerStream(call, reader, renderer(call, target, prepared, context)).open()
  releaseBody(call)
  return {
    status: 200,
    headers: {
      ...streamHeaders,
      ...describe(call),
    },
    body: stream,
  }
}

function renderer(
  call: Call,
  target: Target,
  prepared: PreparedBody | undefined,
  context: AnswerContext,
): Renderer {
  const { client } = call.client
  if (!prepared?.passedThrough) return new TranslatingRenderer(client.encodeStream(context))
  return new PassThroughRenderer({
    model: call.request.model,
    modelInEveryEvent: client.modelInEveryEvent === true,
    hideUsage: asksForUsage(call, target),
  })
}

async function eventsOf(reader: AnswerReader): Promise<AnswerEvent[]> {
  const events: AnswerEvent[] = []
  for (let batch = await reader.next(); batch !== undefined; batch = await reader.next())
    events.push(...batch.events)
  return events
}

function wholeAnswer(call: Call, events: AnswerEvent[], context: AnswerContext): Reply {
  const answered = fold(events)
  deliver(call, events)
  const encoded = call.client.client.encodeAnswer(answered, context)
  call.record.dropped = [...call.record.dropped, ...encoded.dropped]
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...describe(call) },
    body: JSON.stringify(encoded.body),
  }
}

function deliver(call: Call, events: AnswerEvent[]): void {
  for (const tap of call.taps) tap(events)
  call.record.firstByteMs ??= performance.now() - call.startedAt
  call.record.endedBy = 'complete'
}

function answerContext(call: Call, target: Target, outside: Outside): AnswerContext {
  return {
    model: call.request.model,
    created: Math.floor(outside.now() / 1000),
    id: outside.newId(),
    request: call.request,
    maker: target.label,
    // The whole prompt is read for it, so only when somebody asks.
    get estimatedInputTokens() {
      return estimateTokens(call.request)
    },
    requestId: call.id,
    strict: call.strict || call.snapshot.translation.outputStrict,
  }
}

/** Header lists are bounded: a request that loses a hundred things is told of the first ones and their number. */
const MAXIMUM_LISTED = 20

function describe(call: Call): Record<string, string> {
  const { record } = call
  const headers: Record<string, string> = {
    ...call.replyHeaders,
    'x-xjp-provider': record.provider ?? '',
    'x-xjp-target': record.target ?? '',
    'x-xjp-attempts': String(Math.max(1, record.attempts.length)),
  }
  if (record.dropped.length === 0) return headers
  const lost = [...new Set(record.dropped.map((loss) => clientPath(call, loss.path)))]
  const more = lost.length > MAXIMUM_LISTED ? `, and ${lost.length - MAXIMUM_LISTED} more` : ''
  headers['x-xjp-dropped'] = lost.slice(0, MAXIMUM_LISTED).join(', ') + more
  return headers
}
