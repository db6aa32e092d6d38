import type { AttemptRecord, Call, CallRecord } from '../../pipeline/call.ts'
import type { GatewayError } from '../../protocol/model/error.ts'
import type { Usage } from '../../protocol/model/usage.ts'
import { semanticNameOf } from '../../providers/semantic-name.ts'
import type { AttributeWriter } from '../otlp/attributes.ts'
import type { AttemptSpan, CallSpans } from './call-spans.ts'
import type { CleanText } from './clean-text.ts'
import { serverPlaceOf } from './server-place.ts'

type Clean = CleanText['of']

/** `gen_ai.operation.name` by endpoint. */
const operations: Readonly<Record<string, string>> = {
  'generate-content': 'generate_content',
  'messages.count_tokens': 'count_tokens',
}

export function operationOf(endpoint: string): string {
  return operations[endpoint] ?? 'chat'
}

/** A request that loses a hundred things is told of the first ones. */
const MAXIMUM_LISTED = 20
/** Picodollars in a dollar. */
const DOLLAR = 1e12

/** Names of headers by which clients tell one conversation from another. */
const conversationHeaders = ['x-claude-code-session-id', 'session_id', 'session-id'] as const

export function conversationOf({ headers }: Call): string | undefined {
  for (const name of conversationHeaders) {
    const value = headers.get(name)
    if (value) return value
  }
  return undefined
}

export function costInDollars({ cost }: CallRecord): number | undefined {
  return cost === undefined ? undefined : Number(cost) / DOLLAR
}

/** The attempt whose answer the client got, or is getting. */
export function answeringAttempt({ attempts }: CallRecord): AttemptRecord | undefined {
  return attempts.findLast((attempt) => !attempt.error && !attempt.lost)
}

/** What the GenAI conventions say of a call as a whole. */
export function writeConventions(to: AttributeWriter, call: Call, spans: CallSpans, clean: Clean): void {
  const { record, request } = call
  to.text('gen_ai.operation.name', operationOf(record.endpoint))
  writeProvider(to, call, record.provider, clean)
  to.text('gen_ai.request.model', clean(record.model))
  to.flag('gen_ai.request.stream', record.stream)
  to.whole('gen_ai.request.max_tokens', request.maxOutputTokens)
  to.double('gen_ai.request.temperature', request.temperature)
  to.double('gen_ai.request.top_p', request.topP)
  to.double('gen_ai.request.top_k', request.topK)
  to.double('gen_ai.request.frequency_penalty', request.frequencyPenalty)
  to.double('gen_ai.request.presence_penalty', request.presencePenalty)
  to.whole('gen_ai.request.seed', request.seed)
  if ((request.candidates ?? 1) !== 1) to.whole('gen_ai.request.choice.count', request.candidates)
  if (request.format) to.text('gen_ai.output.type', request.format.type === 'text' ? 'text' : 'json')
  to.text('gen_ai.conversation.id', clean(conversationOf(call)))
  to.text('gen_ai.response.id', clean(spans.answerId))
  writeAnswer(to, record, spans, clean)
  if (record.firstByteMs !== undefined && record.stream)
    to.double('gen_ai.response.time_to_first_chunk', record.firstByteMs / 1_000)
  if (record.usage) writeUsage(to, record.usage)
  to.text('http.request.method', 'POST')
  to.whole('http.response.status_code', record.status)
  to.text('error.type', record.error?.kind)
}

function writeProvider(to: AttributeWriter, call: Call, provider: string | undefined, clean: Clean): void {
  if (provider === undefined) return
  const name = clean(semanticNameOf(call.snapshot.providers[provider]?.type ?? provider))
  to.text('gen_ai.provider.name', name)
  // The name before it, which many readers still look for.
  to.text('gen_ai.system', name)
}

function writeAnswer(to: AttributeWriter, { finish }: CallRecord, spans: CallSpans, clean: Clean): void {
  to.text('gen_ai.response.model', clean(spans.answerModel))
  if (finish) to.texts('gen_ai.response.finish_reasons', [finish.reason.replaceAll('-', '_')])
}

function writeUsage(to: AttributeWriter, usage: Usage): void {
  to.whole('gen_ai.usage.input_tokens', usage.inputTokens)
  to.whole('gen_ai.usage.output_tokens', usage.outputTokens)
  to.whole('gen_ai.usage.cache_read.input_tokens', usage.cacheReadTokens)
  to.whole('gen_ai.usage.cache_creation.input_tokens', usage.cacheWriteTokens)
  to.whole('gen_ai.usage.reasoning.output_tokens', usage.reasoningTokens)
  to.flag('xjp.usage_estimated', usage.estimated)
}

/** What only this gateway knows of a call. */
export function writeOwn(to: AttributeWriter, call: Call, clean: Clean): void {
  const { record, identity } = call
  to.text('xjp.request_id', clean(call.id))
  to.text('xjp.tenant', clean(call.tenant))
  to.text('xjp.key', identity.key?.prefix)
  to.text('xjp.key_id', identity.key?.id)
  to.text('xjp.endpoint', record.endpoint)
  to.text('xjp.provider', clean(record.provider))
  to.text('xjp.target', clean(record.target))
  to.whole('xjp.attempts', record.attempts.length)
  to.text('xjp.balance', record.balance)
  to.double('xjp.queued_ms', record.queuedMs)
  to.texts(
    'xjp.passed_over',
    listed(record.passedOver, ({ target, reason }) => clean(`${target}: ${reason}`)),
  )
  to.texts(
    'xjp.dropped',
    listed(record.dropped, ({ path, why }) => clean(`${path}: ${why}`)),
  )
  to.double('xjp.cost_usd', costInDollars(record))
  to.whole('xjp.bytes_sent', record.bytesSent)
  to.flag('xjp.replay', record.replay)
  to.text('xjp.ended_by', record.endedBy)
  to.text('xjp.config_version', call.snapshot.version)
}

function listed<Item>(
  items: readonly Item[] | undefined,
  text: (item: Item) => string,
): string[] | undefined {
  if (items === undefined || items.length === 0) return undefined
  const shown = items.slice(0, MAXIMUM_LISTED).map(text)
  return items.length > MAXIMUM_LISTED ? [...shown, `… ${items.length - MAXIMUM_LISTED} more`] : shown
}

/** What there is to say of one attempt. `number` counts from 1; `error`: why it failed, also after its first content. */
export function writeAttempt(
  to: AttributeWriter,
  call: Call,
  { span, number, error, spans, clean }: AttemptView & { spans: CallSpans; clean: Clean },
): void {
  const { attempt, url } = span
  to.text('gen_ai.operation.name', operationOf(call.record.endpoint))
  writeProvider(to, call, attempt.provider, clean)
  to.text('gen_ai.request.model', clean(attempt.model))
  if (attempt === answeringAttempt(call.record)) writeAnswer(to, call.record, spans, clean)
  const place = url === undefined ? undefined : serverPlaceOf(url)
  to.text('server.address', clean(place?.address))
  to.whole('server.port', place?.port)
  to.whole('http.response.status_code', attempt.status)
  to.text('error.type', error?.kind)
  to.text('xjp.error_code', clean(error?.details.code))
  to.text('xjp.provider', clean(attempt.provider))
  to.text('xjp.target', clean(attempt.target))
  to.text('xjp.credential', clean(attempt.credential))
  to.whole('xjp.attempt', number)
  to.text('xjp.reason', attempt.reason)
  to.double('xjp.waited_ms', attempt.waitedMs)
  to.flag('xjp.lost', attempt.lost)
}

export interface AttemptView {
  span: AttemptSpan
  number: number
  error: GatewayError | undefined
}
