import type { Dialect, UpstreamSide } from '../protocol/dialects/dialect.ts'
import type { Dropped } from '../protocol/model/dropped.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { JsonObject } from '../protocol/model/json.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import type { HttpProvider, Operation } from '../providers/provider.ts'
import type { Call } from './call.ts'
import { asBuffer, replaceMembers } from './json-scan.ts'
import type { Target } from './target.ts'

export interface PreparedBody {
  bytes: string | Uint8Array
  dropped: readonly Dropped[]
  /** True when the client's own bytes went up, but for a few members. */
  passedThrough: boolean
}

/** Marks an opaque value of another dialect inside a body (model/envelope.ts). */
const ENVELOPE = Buffer.from('"xjp1.')

/**
 * The body for one target. The client's bytes pass when both sides speak the same dialect and nothing in the
 * request had to change; otherwise the request is encoded. Each attempt starts from the untouched request.
 */
export function prepareBody(
  call: Call,
  target: Target,
  provider: HttpProvider,
  dialect: Dialect,
  operation: Operation,
): PreparedBody {
  const restored = wantsState(call, target, dialect.name) ? call.restored : undefined
  if (dialect.name === call.client.name && !restored && !needsFiltering(call, target))
    return { bytes: patched(call, target, provider, operation), dropped: [], passedThrough: true }
  const { translation } = call.snapshot
  const { body, dropped } = encoderOf(dialect, operation)(restored ?? call.request, {
    model: target.model,
    maker: target.label,
    capabilities: target.capabilities,
    documentPolicy: translation.documentPolicy,
    thinkingMap: translation.thinkingMap,
  })
  checkLosses(call, dropped)
  const shaped = provider.shape ? provider.shape(body, target.model, operation, dialect.name) : body
  return { bytes: JSON.stringify(shaped), dropped, passedThrough: false }
}

function encoderOf({ name, upstream }: Dialect, operation: Operation): UpstreamSide['encodeRequest'] {
  if (operation !== 'count-tokens') return upstream.encodeRequest
  if (upstream.encodeCount) return upstream.encodeCount
  throw new GatewayError('unsupported', `${name} has no operation that counts tokens`)
}

/** Within one dialect the client's own history stands, unless the upstream refuses turns without their thinking. */
export function wantsState(call: Call, target: Target, dialect: DialectName): boolean {
  if (dialect !== call.client.name) return true
  return dialect === 'chat-completions' && target.capabilities.reasoningReplay !== 'never'
}

/** Bytes cannot pass when they hold another dialect's opaque values, or betas the host does not take. */
function needsFiltering(call: Call, target: Target): boolean {
  if (target.capabilities.betas !== 'all' && call.headers.has('anthropic-beta')) return true
  return asBuffer(call.body).includes(ENVELOPE)
}

/** Members that differ between what the client sent and what the upstream must get. */
function patches(call: Call, target: Target, operation: Operation): Map<string, string> {
  const { request, members, client } = call
  const found = new Map<string, string>([['model', JSON.stringify(target.model)]])
  // A count is asked of the prompt alone: the counting endpoint refuses what governs the answer.
  if (operation === 'count-tokens') return found
  const add = (field: string, value: unknown): void => {
    if (value !== undefined && !members.has(field)) found.set(field, JSON.stringify(value))
  }
  add(client.client.fieldName('temperature'), request.temperature)
  if (client.name === 'messages')
    add('max_tokens', request.maxOutputTokens ?? target.capabilities.defaultMaxOutputTokens)
  else if (!members.has('max_completion_tokens'))
    add(target.capabilities.maxTokensField, request.maxOutputTokens)
  if (asksForUsage(call, target)) found.set('stream_options', streamOptions(call))
  return found
}

/** Usage is asked for on every stream where the dialect leaves it to the client. */
export function asksForUsage(call: Call, target: Target): boolean {
  return (
    call.client.name === 'chat-completions' &&
    call.request.stream &&
    call.request.includeUsage !== true &&
    target.capabilities.streamUsage
  )
}

function streamOptions(call: Call): string {
  const span = call.members.get('stream_options')
  const given = span
    ? JSON.parse(Buffer.from(call.body.subarray(span.start, span.end)).toString())
    : undefined
  return JSON.stringify({ ...given, include_usage: true })
}

function patched(
  call: Call,
  target: Target,
  provider: HttpProvider,
  operation: Operation,
): string | Uint8Array {
  const changes = patches(call, target, operation)
  if (!provider.shape) return replaceMembers(call.body, call.members, changes)
  const body = JSON.parse(Buffer.from(call.body).toString()) as JsonObject
  for (const [key, text] of changes) body[key] = JSON.parse(text)
  const shaped = provider.shape(body, target.model, operation, call.client.name)
  // Nothing to shape: the client's bytes pass.
  return shaped === body ? replaceMembers(call.body, call.members, changes) : JSON.stringify(shaped)
}

/** Lossless or loud: some losses are never acceptable, strict mode accepts none. */
export function checkLosses(call: Call, dropped: readonly Dropped[]): void {
  const fatal = dropped.find((loss) => loss.essential) ?? (call.strict ? dropped[0] : undefined)
  if (!fatal) return
  const field = clientPath(call, fatal.path)
  throw new GatewayError('unsupported', `${field} cannot be carried to ${call.record.target}: ${fatal.why}`, {
    param: field,
    code: 'unsupported_by_upstream',
  })
}

/** A path in the model, in the client's own words: `topK` → `top_k`, `tools[0].cache` → `tools[0].cache_control`. */
export function clientPath(call: Call, path: string): string {
  const { client } = call.client
  const whole = client.fieldName(path)
  if (whole !== path) return sentName(call, whole)
  const [, member = path, rest = ''] = /^(\w+)(.*)$/.exec(path) ?? []
  const tail = rest
    .replace(/\.cache$/, '.cache_control')
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return sentName(call, client.fieldName(member)) + tail
}

/** The older of two names when that is the one the client used. */
function sentName({ client, members }: Call, name: string): string {
  const older = client.client.olderNames?.get(name)
  return older !== undefined && members.has(older) && !members.has(name) ? older : name
}
