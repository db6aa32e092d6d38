import { describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { chatCompletions } from '../../src/protocol/dialects/chat-completions/dialect.ts'
import type { AnswerContext, DecodeContext } from '../../src/protocol/dialects/dialect.ts'
import type { Capabilities } from '../../src/protocol/model/capabilities.ts'
import type { GatewayError } from '../../src/protocol/model/error.ts'
import type { AnswerEvent } from '../../src/protocol/model/event.ts'
import { Fold, fold } from '../../src/protocol/model/fold.ts'
import { isObject, type Json, type JsonObject } from '../../src/protocol/model/json.ts'
import type { Frame } from '../../src/protocol/model/machine.ts'
import { targetWith } from '../support/chat-completions.ts'
import { haveRecordings, type Recording, recordedFiles, recordings, recordingsFolder } from './load.ts'

const { client, upstream } = chatCompletions
if (!client) throw new Error('chat completions has a client side')

const decoding: DecodeContext = { newId: () => 'made', maker: 'vendor/model' }

function contextFor(model: string): AnswerContext {
  const request = client?.decodeRequest({
    model,
    messages: [{ role: 'user', content: 'x' }],
    stream_options: { include_usage: true },
  })
  if (!request) throw new Error('no request')
  return {
    model,
    created: 1,
    id: 'fresh',
    request,
    maker: 'vendor/model',
    estimatedInputTokens: 0,
    requestId: 'request',
    strict: false,
  }
}

// ---------------------------------------------------------------------------------------------------------------
// Comparing: every leaf of the original must be found in what came out

interface Leaf {
  path: string
  value: Json
}

function leaves(value: Json | undefined, path = ''): Leaf[] {
  if (value === undefined || value === null || value === '') return []
  if (Array.isArray(value)) return value.flatMap((entry, index) => leaves(entry, `${path}[${index}]`))
  if (isObject(value))
    return Object.entries(value).flatMap(([key, entry]) =>
      leaves(entry, path === '' ? key : `${path}.${key}`),
    )
  return [{ path, value }]
}

/** Leaves of `original` that `result` does not have, without those an exception allows. Null and "" are nothing. */
function lost(original: JsonObject, result: JsonObject, exceptions: readonly Exception[]): string[] {
  const found = new Map(leaves(result).map((leaf) => [leaf.path, leaf.value]))
  return leaves(original)
    .filter((leaf) => found.get(leaf.path) !== leaf.value)
    .filter((leaf) => !exceptions.some((rule) => allows(rule, leaf, result)))
    .map((leaf) => `${leaf.path}: ${JSON.stringify(leaf.value).slice(0, 80)}`)
}

/** Exceptions that some recording needed: one that is never needed has no place in the table. */
const needed = new Set<Exception>()

function allows(rule: Exception, leaf: Leaf, result: JsonObject): boolean {
  if (!rule.path.test(leaf.path) || !rule.holds(leaf, result)) return false
  needed.add(rule)
  return true
}

interface Exception {
  path: RegExp
  why: string
  /** What must be true instead. */
  holds(leaf: Leaf, result: JsonObject): boolean
}

function at(value: JsonObject, path: string): Json | undefined {
  let here: Json | undefined = value
  for (const step of path.split(/[.[\]]+/).filter((word) => word !== ''))
    here = Array.isArray(here) ? here[Number(step)] : isObject(here) ? here[step] : undefined
  return here
}

const exceptions: Exception[] = [
  {
    path: /message\.reasoning$/,
    why: 'readable thinking has one name for clients: reasoning_content',
    holds: ({ path, value }, result) => at(result, path.replace(/reasoning$/, 'reasoning_content')) === value,
  },
  {
    path: /message\.content\[\d+\]\.(type|text)$/,
    why: 'text parts become the content string',
    holds: ({ path, value }, result) =>
      path.endsWith('type') ||
      String(at(result, path.replace(/content\[.*$/, 'content'))).includes(String(value)),
  },
  {
    path: /message\.content\[\d+\]\.thinking\[\d+\]\.(type|text)$/,
    why: 'thinking parts become reasoning_content',
    holds: ({ path, value }, result) =>
      path.endsWith('type') ||
      String(at(result, path.replace(/content\[.*$/, 'reasoning_content'))).includes(String(value)),
  },
  {
    path: /tool_calls\[\d+\]\.index$/,
    why: 'numbers of fragments mean nothing in a whole answer',
    holds: () => true,
  },
  {
    path: /^usage\.completion_tokens$/,
    why: 'reasoning left out of the completion tokens is counted in (protocol.md §2.13)',
    holds: ({ value }, result) =>
      at(result, 'usage.completion_tokens') ===
      Number(value) + Number(at(result, 'usage.completion_tokens_details.reasoning_tokens')),
  },
]

/** Things in the result that the original does not have: these are all we may add. */
const additions = [
  /^choices\[\d+\]\.message\.reasoning_content$/,
  /^choices\[\d+\]\.message\.content$/,
  /^choices\[\d+\]\.message\.tool_calls\[\d+\]\.(type|id|function\.arguments)$/,
  /^usage\.(prompt|completion)_tokens_details\.\w+$/,
  /^object$/,
  /^choices\[\d+\]\.message\.role$/,
]

function invented(original: JsonObject, result: JsonObject): string[] {
  const known = new Map(leaves(original).map((leaf) => [leaf.path, leaf.value]))
  return leaves(result)
    .filter((leaf) => !known.has(leaf.path) && !additions.some((rule) => rule.test(leaf.path)))
    .map((leaf) => `${leaf.path}: ${JSON.stringify(leaf.value).slice(0, 80)}`)
}

// ---------------------------------------------------------------------------------------------------------------
// Streams

/** Server-sent events as the framing layer gives them. */
function framesOf(body: string): Frame[] {
  return body
    .replaceAll('\r', '')
    .split('\n\n')
    .flatMap((block) => {
      const lines = block.split('\n')
      const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart())
      const event = lines
        .find((line) => line.startsWith('event:'))
        ?.slice(6)
        .trim()
      if (data.length === 0) return []
      return [event === undefined ? { data: data.join('\n') } : { event, data: data.join('\n') }]
    })
}

/** The same on every chunk, as clients see it; some servers count on while they speak. */
const steady = new Set(['id', 'created', 'model'])

/** What an SDK makes of the chunks: text is appended, calls are put together by index, the rest is replaced. */
function accumulate(chunks: JsonObject[]): JsonObject {
  const whole: JsonObject = { choices: [] }
  for (const { choices, ...top } of chunks) {
    const { obfuscation: _, ...members } = top
    for (const [key, value] of Object.entries(members))
      if (!steady.has(key) || !whole[key]) replace(whole, key, value)
    for (const entry of list(choices)) if (isObject(entry)) addChoice(list(whole['choices']), entry)
  }
  return whole
}

function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : []
}

function replace(target: JsonObject, key: string, value: Json | undefined): void {
  if (value === null || value === undefined || value === '') return
  const known = target[key]
  target[key] = isObject(known) && isObject(value) ? { ...known, ...value } : value
}

function addChoice(choices: Json[], { delta, index, logprobs, ...members }: JsonObject): void {
  const number = Number(index ?? 0)
  choices[number] ??= { index: number, message: { role: 'assistant' } }
  const choice = choices[number] as JsonObject
  for (const [key, value] of Object.entries(members)) {
    if (isObject(value) && Object.keys(value).length === 0) continue
    replace(choice, key, value)
  }
  if (isObject(logprobs)) addLogprobs(choice, logprobs)
  if (isObject(delta)) for (const [key, value] of Object.entries(delta)) addMember(choice, key, value)
}

function addLogprobs(choice: JsonObject, logprobs: JsonObject): void {
  const known = (choice['logprobs'] ??= {}) as JsonObject
  known['content'] = [...list(known['content']), ...list(logprobs['content'])]
}

const appended = new Set(['content', 'reasoning', 'reasoning_content', 'refusal'])

function addMember(choice: JsonObject, key: string, value: Json | undefined): void {
  const message = choice['message'] as JsonObject
  if (key === 'tool_calls') addCalls(message, list(value))
  else if (key === 'reasoning_details') addDetails(message, list(value))
  else if (key === 'content' && Array.isArray(value)) for (const part of value) addPart(message, part)
  else if (appended.has(key) && typeof value === 'string') message[key] = String(message[key] ?? '') + value
  else if (Array.isArray(value)) message[key] = [...list(message[key]), ...value]
  else replace(message, key, value)
}

/** Content as an array of texts and thoughts, as one vendor streams it. */
function addPart(message: JsonObject, part: Json): void {
  if (!isObject(part)) return
  if (part['type'] === 'thinking')
    for (const piece of list(part['thinking'])) append(message, 'reasoning_content', piece)
  else append(message, 'content', part)
}

function append(message: JsonObject, key: string, piece: Json): void {
  if (isObject(piece)) message[key] = String(message[key] ?? '') + String(piece['text'])
}

function addCalls(message: JsonObject, fragments: Json[]): void {
  if (fragments.length === 0) return
  const calls = list((message['tool_calls'] ??= []))
  for (const fragment of fragments) {
    if (!isObject(fragment)) continue
    const { index, function: body, ...members } = fragment
    const place = Number(index ?? calls.length)
    const call = (calls[place] ??= { function: { arguments: '' } }) as JsonObject
    for (const [key, value] of Object.entries(members)) replace(call, key, value)
    const known = call['function'] as JsonObject
    if (!isObject(body)) continue
    if (body['name']) known['name'] = body['name']
    known['arguments'] = String(known['arguments']) + String(body['arguments'] ?? '')
  }
}

function addDetails(message: JsonObject, entries: Json[]): void {
  if (entries.length === 0) return
  const details = list((message['reasoning_details'] ??= []))
  for (const entry of entries) {
    if (!isObject(entry)) continue
    const known = details.find(
      (other) => isObject(other) && other['type'] === entry['type'] && other['index'] === entry['index'],
    )
    if (!isObject(known)) details.push({ ...entry })
    else
      for (const [key, value] of Object.entries(entry))
        if (key === 'text' || key === 'summary') known[key] = String(known[key] ?? '') + String(value)
        else if (value) known[key] = value
  }
}

/** Decodes frames one by one, and gives the events with the client's stream as it was written meanwhile. */
function throughGateway(frames: readonly Frame[], model: string) {
  const machine = upstream.decodeStream(decoding)
  const encoder = client?.encodeStream(contextFor(model))
  const events: AnswerEvent[] = []
  let text = ''
  const take = (batch: AnswerEvent[]) => {
    events.push(...batch)
    text += encoder?.push(batch) ?? ''
  }
  for (const frame of frames) take(machine.push(frame))
  take(machine.end())
  return { events, text, dropped: encoder?.dropped ?? [] }
}

/** Calls as the SDK puts them together, without what it adds itself. */
function sdkCalls(calls: readonly OpenAI.ChatCompletionMessageToolCall[] | undefined): JsonObject[] {
  return (calls ?? []).map((call) =>
    call.type === 'function'
      ? {
          id: call.id,
          type: 'function',
          function: { name: call.function.name, arguments: call.function.arguments },
        }
      : { id: call.id, type: 'custom' },
  )
}

function chunksOf(frames: readonly Frame[]): JsonObject[] {
  return frames
    .filter((frame) => frame.data !== '[DONE]')
    .map((frame) => JSON.parse(frame.data) as JsonObject)
}

function modelOf(frames: readonly Frame[]): string {
  return String(chunksOf(frames).find((chunk) => chunk['model'])?.['model'] ?? 'model')
}

// ---------------------------------------------------------------------------------------------------------------
// Requests

/** How each provider is asked to think: the encoder obeys the capabilities, so the original's form must be named. */
const styles: Record<string, Partial<Capabilities>> = {
  openrouter: { reasoningStyle: 'reasoning-object' },
  zai: { reasoningStyle: 'toggle-and-effort' },
}

/** Equal in meaning, different in spelling: both sides are brought to one of them. */
const spellings: { why: string; apply(body: JsonObject): void }[] = [
  { why: 'null is absent', apply: (body) => dropNulls(body) },
  { why: 'not streaming is the default', apply: (body) => drop(body, 'stream', false) },
  {
    why: 'usage is always asked for on streams (protocol.md §2.13)',
    apply: (body) => {
      if (body['stream'])
        body['stream_options'] = { ...(body['stream_options'] as object), include_usage: true }
    },
  },
  {
    why: 'no tools is an empty list of them',
    apply: (body) => {
      if (list(body['tools']).length === 0) delete body['tools']
    },
  },
  {
    why: 'one vendor says any for required, and takes both',
    apply: (body) => {
      if (body['tool_choice'] === 'any') body['tool_choice'] = 'required'
    },
  },
  { why: 'one stop sequence may stand alone', apply: (body) => replaceStop(body) },
  {
    why: 'the target says which of the two fields for the output bound is used',
    apply: (body) => {
      if (body['max_tokens'] !== undefined) body['max_completion_tokens'] ??= body['max_tokens']
      delete body['max_tokens']
    },
  },
  {
    why: 'a tool without a type is a function',
    apply: (body) => eachObject(body['tools'], (tool) => (tool['type'] ??= 'function')),
  },
  {
    why: 'a single plain text part, or none, is a string',
    apply: (body) => eachObject(body['messages'], plainContent),
  },
  {
    why: 'fragment numbers mean nothing in a request',
    apply: (body) => eachObject(body['messages'], tidyCalls),
  },
]

function drop(body: JsonObject, key: string, value: Json): void {
  if (body[key] === value) delete body[key]
}

function dropNulls(value: Json | undefined): void {
  if (Array.isArray(value)) for (const entry of value) dropNulls(entry)
  if (!isObject(value)) return
  for (const key of Object.keys(value)) {
    if (value[key] === null) delete value[key]
    else dropNulls(value[key])
  }
}

function replaceStop(body: JsonObject): void {
  if (typeof body['stop'] === 'string') body['stop'] = [body['stop']]
}

function eachObject(value: Json | undefined, change: (entry: JsonObject) => void): void {
  for (const entry of list(value)) if (isObject(entry)) change(entry)
}

function plainContent(message: JsonObject): void {
  const parts = message['content']
  if (Array.isArray(parts) && parts.length === 0) delete message['content']
  if (message['content'] === '') delete message['content']
  if (!Array.isArray(parts) || parts.length !== 1) return
  const [only] = parts
  if (isObject(only) && Object.keys(only).sort().join() === 'text,type') message['content'] = only['text']
}

function tidyCalls(message: JsonObject): void {
  if (list(message['tool_calls']).length === 0) delete message['tool_calls']
  eachObject(message['tool_calls'], (call) => {
    delete call['index']
    call['type'] ??= 'function'
  })
}

function normalised(body: JsonObject): JsonObject {
  const copy = structuredClone(body)
  for (const { apply } of spellings) apply(copy)
  return copy
}

function requestRoundTrip(recording: Recording): {
  before: JsonObject
  after: JsonObject
  dropped: unknown[]
} {
  const body = JSON.parse(recording.request.body) as JsonObject
  const request = client?.decodeRequest(structuredClone(body))
  if (!request) throw new Error('not decoded')
  const isBreakpoint = recording.request.body.includes('prompt_cache_breakpoint')
  const capabilities: Partial<Capabilities> = {
    cacheMarks: isBreakpoint ? 'breakpoint' : 'cache-control',
    reasoningReplay: 'signed',
    ...styles[recording.provider],
  }
  const { body: after, dropped } = upstream.encodeRequest(
    request,
    targetWith(capabilities, { model: request.model }),
  )
  return { before: normalised(body), after: normalised(after), dropped }
}

// ---------------------------------------------------------------------------------------------------------------

function answerRoundTrip(body: string) {
  const original = JSON.parse(body) as JsonObject
  const answer = fold(upstream.decodeAnswer(structuredClone(original), decoding))
  const encoded = client?.encodeAnswer(answer, contextFor(String(original['model'])))
  const result = encoded?.body ?? {}
  const dropped = encoded?.dropped ?? []
  return { lost: lost(original, result, exceptions), invented: invented(original, result), dropped }
}

function streamRoundTrip(frames: readonly Frame[]) {
  const { events, text, dropped } = throughGateway(frames, modelOf(frames))
  const shown = framesOf(text)
  const [original, result] = [accumulate(chunksOf(frames)), accumulate(chunksOf(shown))]
  return {
    end: events.at(-1)?.type,
    done: shown.at(-1)?.data,
    lost: lost(original, result, exceptions),
    invented: invented(original, result),
    dropped: [...dropped],
  }
}

const vendors = [
  ...['alibaba', 'azure', 'deepseek-chat', 'groq', 'mistral', 'moonshotai', 'openai-chat'],
  ...['openai-compatible-chat', 'xai'],
]

function isChat(text: string): boolean {
  return text.includes('"choices"')
}

function isError(text: string): boolean {
  return isObject((JSON.parse(text) as JsonObject)['error'])
}

if (!haveRecordings()) {
  test(`recordings are not at ${recordingsFolder}: nothing to compare`, () => {
    expect(haveRecordings()).toBe(false)
  })
} else {
  const all = recordings('openai-chat')
  const good = all.filter((recording) => recording.response.status === 200)
  const files = recordedFiles(vendors)

  const answers = [
    ...good.filter((one) => !one.stream).map((one) => ({ name: one.id, body: one.response.body })),
    ...files.flatMap(({ name, body }) => (body !== undefined && isChat(body) ? [{ name, body }] : [])),
  ]
  const streams = [
    ...good.filter((one) => one.stream).map((one) => ({ name: one.id, frames: framesOf(one.response.body) })),
    ...files.flatMap(({ name, chunks }) =>
      chunks && isChat(chunks.join(''))
        ? [{ name, frames: [...chunks, '[DONE]'].map((data): Frame => ({ data })) }]
        : [],
    ),
  ]

  describe(`whole answers (n=${answers.length})`, () => {
    test.each(answers)('$name', ({ body }) => {
      expect(answerRoundTrip(body)).toEqual({ lost: [], invented: [], dropped: [] })
    })
  })

  const failing = streams.filter(({ frames }) => frames.some((frame) => frame.event === 'error'))
  const complete = streams.filter((stream) => !failing.includes(stream))

  test('every exception is needed by some recording', () => {
    needed.clear()
    for (const { body } of answers) answerRoundTrip(body)
    for (const { frames } of complete) streamRoundTrip(frames)
    expect(exceptions.filter((rule) => !needed.has(rule)).map((rule) => rule.why)).toEqual([])
  })

  describe(`streams (n=${complete.length})`, () => {
    test.each(complete)('$name', ({ frames }) => {
      expect(streamRoundTrip(frames)).toEqual({
        end: 'answer-end',
        done: '[DONE]',
        lost: [],
        invented: [],
        dropped: [],
      })
    })

    test.each(complete)('$name: whole and streamed are one', ({ frames }) => {
      const { events } = throughGateway(frames, modelOf(frames))
      const context = contextFor(modelOf(frames))
      const whole = client?.encodeAnswer(fold(events), context).body ?? {}
      const encoder = client?.encodeStream(context)
      const streamed = accumulate(chunksOf(framesOf(encoder?.push(events) ?? '')))
      const isOther = ({ path }: Leaf) => path !== 'object'
      expect(leaves(streamed).filter(isOther)).toEqual(expect.arrayContaining(leaves(whole).filter(isOther)))
    })
  })

  describe(`the vendor's own SDK accepts what clients are sent (n=${complete.length})`, () => {
    test.each(complete)('$name', async ({ frames }) => {
      const model = modelOf(frames)
      const { events, text } = throughGateway(frames, model)
      const sdk = new OpenAI({
        apiKey: 'unused',
        maxRetries: 0,
        fetch: async () => new Response(text, { headers: { 'content-type': 'text/event-stream' } }),
      })
      const stream = sdk.chat.completions.stream({ model, messages: [{ role: 'user', content: 'x' }] })
      const final = await stream.finalChatCompletion()
      const whole = client?.encodeAnswer(fold(events), contextFor(model)).body
      const [choice] = list(whole?.['choices'])
      const expected = isObject(choice) && isObject(choice['message']) ? choice['message'] : {}
      expect(final.choices[0]?.message.content ?? '').toBe(String(expected['content'] ?? ''))
      expect(list(expected['tool_calls'])).toMatchObject(sdkCalls(final.choices[0]?.message.tool_calls))
    })
  })

  describe(`streams that end in an error (n=${failing.length})`, () => {
    test.each(failing)('$name', ({ frames }) => {
      const { events, text } = throughGateway(frames, modelOf(frames))
      const last = events.at(-1)
      expect(last?.type).toBe('answer-error')
      const original = chunksOf(frames).at(-1)
      expect(JSON.parse(framesOf(text).at(-1)?.data ?? '')).toEqual(original)
    })
  })

  describe(`streams cut off (n=${streams.length})`, () => {
    test.each(streams)('$name: no prefix without a finish reason counts as an answer', ({ frames }) => {
      const finished = frames.findIndex((frame) => /"finish_reason":\s?"/.test(frame.data))
      const last = finished < 0 ? frames.length - 1 : finished
      const step = Math.max(1, Math.floor(last / 40))
      for (let cut = 0; cut <= last; cut += step) {
        const machine = upstream.decodeStream(decoding)
        const events = [...frames.slice(0, cut).flatMap((frame) => machine.push(frame)), ...machine.end()]
        expect(events.at(-1)?.type).toBe('answer-error')
        expect(events.some((event) => event.type === 'answer-end')).toBe(false)
      }
    })
  })

  const asked = all.filter((recording) => recording.request.body)
  describe(`requests (n=${asked.length}, ${all.length - asked.length} were recorded without a body)`, () => {
    test.each(asked.map((recording) => ({ id: recording.id, recording })))('$id', ({ recording }) => {
      const { before, after, dropped } = requestRoundTrip(recording)
      expect(dropped).toEqual([])
      expect(after).toEqual(before)
    })
  })

  const refused = [
    ...all
      .filter((recording) => recording.response.status !== 200)
      .map(({ id, response }) => ({ id, status: response.status, body: response.body })),
    ...files.flatMap(({ name, body }) => (body && isError(body) ? [{ id: name, status: 400, body }] : [])),
  ]
  describe(`errors (n=${refused.length})`, () => {
    test.each(refused)('$id passes unmodified', ({ status, body }) => {
      const error: GatewayError = upstream.decodeError(status, body, () => null)
      const shown = client?.encodeError(error, 'request')
      expect(shown).toEqual({ status, body: JSON.parse(body) as JsonObject })
      expect(error.message).not.toBe('')
      expect(error.kind).toBe(status === 429 ? 'rate_limited' : 'invalid_request')
    })
  })

  test('counts', () => {
    const usage = streams.filter(({ frames }) => {
      const state = new Fold()
      state.push(throughGateway(frames, 'model').events)
      return state.answer.usage !== undefined
    })
    process.stdout.write(
      `chat-completions recordings: answers n=${answers.length}, streams n=${streams.length}` +
        ` (with usage ${usage.length}), requests n=${asked.length}, errors n=${refused.length}\n`,
    )
    expect(answers.length + streams.length + asked.length + refused.length).toBeGreaterThan(0)
  })
}
