import { parseBody } from '../../../src/endpoints/body.ts'
import type { Call, ClientDialect, StreamBody } from '../../../src/pipeline/call.ts'
import { exchange, type Outside } from '../../../src/pipeline/exchange.ts'
import type { Target } from '../../../src/pipeline/target.ts'
import type { Child } from '../../../src/platform/spawn.ts'
import { chatCompletions } from '../../../src/protocol/dialects/chat-completions/dialect.ts'
import { generateContent } from '../../../src/protocol/dialects/generate-content/dialect.ts'
import { messages } from '../../../src/protocol/dialects/messages/dialect.ts'
import type { DialectName } from '../../../src/protocol/model/origin.ts'
import { capabilitiesOf } from '../../../src/providers/capabilities.ts'
import { findProvider } from '../../../src/providers/list.ts'
import { createProcessProvider } from '../../../src/providers/process/provider.ts'
import { fixedServices, settingsFor } from '../../providers/settings.ts'
import type { Front } from './fronts.ts'
import type { upstreams } from './stage.ts'

/** An answer's bytes in, what the client reads out: the gateway's own parts in its own order, without a network. */
export type Way = (pieces: readonly Uint8Array[]) => Promise<string>

const clients: Record<Front['name'], ClientDialect> = {
  'chat-completions': clientOf(chatCompletions),
  messages: clientOf(messages),
}
const dialects: Outside['dialects'] = {
  'chat-completions': chatCompletions,
  messages,
  'generate-content': generateContent,
  responses: undefined,
}

function clientOf(dialect: typeof chatCompletions): ClientDialect {
  if (!dialect.client) throw new Error(`${dialect.name} has no client side`)
  return { ...dialect, client: dialect.client }
}

/** Ids and the time are the same in every run, so that answers can be compared as they are. */
const fixed = {
  services: fixedServices,
  now: () => 1_790_000_000_000,
  newId: () => 'abcdefghijklmnopqrstuvwx',
}

/** What of a configuration an exchange reads. */
const known: Partial<Call['snapshot']> = {
  translation: {
    strict: false,
    outputStrict: false,
    allowImages: true,
    documentPolicy: 'reject',
    thinkingMap: [],
  },
}
const snapshot = known as Call['snapshot']

function callBy(front: Front, model: string): () => Call {
  const client = clients[front.name]
  const body = parseBody(
    Buffer.from(
      JSON.stringify({
        ...front.body(model, 'hello', true),
        ...(front.name === 'messages' ? {} : { stream_options: { include_usage: true } }),
      }),
    ),
  )
  const request = client.client.decodeRequest(body.json)
  return (): Call => ({
    id: 'req_1',
    client,
    body: body.bytes,
    members: body.members,
    request,
    headers: new Headers(),
    snapshot,
    signal: new AbortController().signal,
    left: new AbortController().signal,
    readsOn: false,
    identity: { tenant: 'open' },
    tenant: 'open',
    strict: false,
    startedAt: 0,
    scrub: (text) => text,
    record: { endpoint: 'test', model, stream: true, attempts: [], dropped: [], bytesSent: 0 },
    taps: [],
    ends: [],
    replyHeaders: {},
    targets: [],
  })
}

async function drained(body: StreamBody): Promise<string> {
  let text = ''
  for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next())
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
  return text
}

async function readBy(call: Call, target: Target, outside: Outside): Promise<string> {
  const { body } = await exchange(call, target, outside)
  if (typeof body === 'string' || body instanceof Uint8Array) throw new Error('not a stream')
  return drained(body)
}

/** `renamed`: the client asks for a name that is not the upstream's own. */
export function httpWay(front: Front, upstream: (typeof upstreams)[number], renamed: boolean): Way {
  const { provider: name, model, dialect } = upstream
  const provider = findProvider(name)
  if (provider?.kind !== 'http') throw new Error(`${name} is no provider over HTTP`)
  const target: Target = {
    provider,
    settings: settingsFor({ name, baseUrl: 'http://127.0.0.1:1', apiKey: 'key-0123456789' }),
    model,
    label: `${name}/${model}`,
    dialect: dialect as DialectName,
    capabilities: capabilitiesOf(name, dialect, model),
    timeouts: {},
    retry: { maxRetries: 0, backoffMs: 0 },
    route: 'tested',
    publicModel: 'tested',
    weight: 1,
  }
  const newCall = callBy(front, renamed ? 'public-name' : model)
  return (pieces) => {
    let next = 0
    const body = { read: () => Promise.resolve(pieces[next++]), cancel: () => {} }
    const header = (field: string): string | null =>
      field === 'content-type' ? 'text/event-stream; charset=utf-8' : null
    const send: Outside['send'] = () => Promise.resolve({ status: 200, header, body })
    return readBy(newCall(), target, { dialects, send, ...fixed })
  }
}

/** A child that prints the pieces, one a read. */
export function printing(pieces: readonly Uint8Array[]): Child {
  let over: () => void = () => {}
  const exited = new Promise<void>((resolve) => {
    over = resolve
  })
  let next = 0
  const output = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces[next++]
      if (piece !== undefined) controller.enqueue(piece)
      else {
        controller.close()
        over()
      }
    },
  })
  const errors = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() })
  return {
    pid: 0,
    output: output.getReader(),
    errors: errors.getReader(),
    exited: exited.then(() => ({ code: 0, signal: null })),
    end: () => {},
    sweep: () => {},
    close: () => Promise.resolve(),
  }
}

export function processWay(front: Front, output: 'text' | 'jsonl'): Way {
  let pieces: readonly Uint8Array[] = []
  const provider = createProcessProvider({ newChild: () => printing(pieces), environment: {} })
  const target: Target = {
    provider,
    settings: settingsFor({ name: output, options: { command: ['model'], output } }),
    model: 'local',
    label: 'process/local',
    dialect: undefined,
    capabilities: capabilitiesOf('process', 'chat-completions', 'local'),
    timeouts: {},
    retry: { maxRetries: 0, backoffMs: 0 },
    route: 'tested',
    publicModel: 'tested',
    weight: 1,
  }
  const newCall = callBy(front, 'local')
  const send: Outside['send'] = () => Promise.reject(new Error('nothing is sent'))
  return (printed) => {
    pieces = printed
    return readBy(newCall(), target, { dialects, send, ...fixed })
  }
}
