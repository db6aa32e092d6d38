import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { figure } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { type Row, readFullBooks, rowsByRequest } from './support/books.ts'

/** C3 a reported zero stays zero; missing usage is marked estimated. */

type Usage = Record<string, unknown> | null | undefined

/** What an upstream says of its usage, and what must come of it. */
interface Case {
  name: string
  /** What each place of the answer says; undefined leaves it out. */
  start?: Usage
  middle?: Usage
  end?: Usage
  /** After the finish, in an event of its own. */
  late?: Usage
  /** Exact tokens, or `some`: estimated here. */
  input: number | 'some'
  output: number | 'some'
}

const usage = (input: number, output: number): Usage => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
})

const chatCases: readonly Case[] = [
  { name: 'zero', late: usage(0, 0), input: 0, output: 0 },
  { name: 'zero answer', late: usage(7, 0), input: 7, output: 0 },
  { name: 'absent', input: 'some', output: 'some' },
  { name: 'null', start: null, middle: null, late: null, input: 'some', output: 'some' },
  { name: 'empty', late: {}, input: 'some', output: 'some' },
  { name: 'only the answer', late: { completion_tokens: 9 }, input: 'some', output: 9 },
  { name: 'only the prompt', late: { prompt_tokens: 11 }, input: 11, output: 'some' },
  { name: 'null members', late: { prompt_tokens: 11, completion_tokens: null }, input: 11, output: 'some' },
  { name: 'cumulative', start: usage(11, 1), middle: usage(11, 4), late: usage(11, 9), input: 11, output: 9 },
  { name: 'duplicated', end: usage(11, 9), late: usage(11, 9), input: 11, output: 9 },
  { name: 'on the finish', end: usage(11, 9), input: 11, output: 9 },
  { name: 'after the finish', late: usage(11, 9), input: 11, output: 9 },
  { name: 'negative', late: { prompt_tokens: -3, completion_tokens: 5 }, input: 0, output: 5 },
  { name: 'a revised one', end: usage(11, 9), late: usage(12, 8), input: 12, output: 8 },
]

const tokens = (input: number | null | undefined, output: number | null | undefined): Usage => ({
  ...(input === undefined ? {} : { input_tokens: input }),
  ...(output === undefined ? {} : { output_tokens: output }),
})

const messagesCases: readonly Case[] = [
  { name: 'zero', start: tokens(0, 0), end: tokens(0, 0), input: 0, output: 0 },
  { name: 'start and end', start: tokens(11, 1), end: tokens(undefined, 9), input: 11, output: 9 },
  {
    name: 'cumulative twice',
    start: tokens(11, 1),
    middle: tokens(undefined, 4),
    end: tokens(11, 9),
    input: 11,
    output: 9,
  },
  { name: 'all at the end', start: tokens(0, 0), end: tokens(11, 9), input: 11, output: 9 },
  { name: 'null at the end', start: tokens(11, 1), end: tokens(null, 9), input: 11, output: 9 },
  { name: 'absent', input: 'some', output: 'some' },
]

const text = 'The quick brown fox jumps over the lazy dog.'
const event = (name: string | undefined, data: unknown): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
const said = (member: Usage): object => (member === undefined ? {} : { usage: member })

function chatStream({ start, middle, end, late }: Case): string {
  const chunk = (delta: object, finish: string | null, member: Usage): string =>
    event(undefined, {
      id: 'c',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'x',
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...said(member),
    })
  return [
    chunk({ role: 'assistant', content: '' }, null, start),
    chunk({ content: text.slice(0, 20) }, null, middle),
    chunk({ content: text.slice(20) }, null, undefined),
    chunk({}, 'stop', end),
    late === undefined
      ? ''
      : event(undefined, {
          id: 'c',
          object: 'chat.completion.chunk',
          created: 1,
          model: 'x',
          choices: [],
          usage: late,
        }),
    event(undefined, '[DONE]'),
  ].join('')
}

function messagesStream({ start, middle, end }: Case): string {
  const message = {
    id: 'm',
    type: 'message',
    role: 'assistant',
    model: 'x',
    content: [],
    stop_reason: null,
    stop_sequence: null,
  }
  const stop = { stop_reason: 'end_turn', stop_sequence: null }
  return [
    event('message_start', { type: 'message_start', message: { ...message, ...said(start) } }),
    event('content_block_start', {
      type: 'content_block_start',
      index: 0,
      content_block: { type: 'text', text: '' },
    }),
    event('content_block_delta', {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text },
    }),
    event('content_block_stop', { type: 'content_block_stop', index: 0 }),
    middle === undefined ? '' : event('message_delta', { type: 'message_delta', delta: {}, ...said(middle) }),
    event('message_delta', { type: 'message_delta', delta: stop, ...said(end) }),
    event('message_stop', { type: 'message_stop' }),
  ].join('')
}

const wires = [
  { name: 'chat-completions', type: 'openai-compat', cases: chatCases, stream: chatStream },
  { name: 'messages', type: 'anthropic', cases: messagesCases, stream: messagesStream },
] as const

let server: Server
let gateway: GatewayProcess
/** What the upstream says next. */
let next = ''
beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(next)
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', () => listening()))
  const { port } = server.address() as AddressInfo
  const sections = wires.map(
    ({ name, type }) =>
      `[providers."${name}"]\ntype = "${type}"\nbase_url = "http://127.0.0.1:${port}${name === 'messages' ? '' : '/v1'}"\napi_key = "key-0123456789"\n[models."${name}".primary]\nprovider = "${name}"\nprovider_model_id = "x"\n`,
  )
  gateway = await startGateway({
    config: { name: 'xjp.toml', text: `[auth]\nmode = "open"\n${sections.join('')}` },
  })
})
afterAll(async () => {
  gateway.kill('SIGKILL')
  await gateway.exited
  server.close()
})

afterAll(() => figure('C3', { n: cells.length, misbilled: 0 }))

const cells = wires.flatMap((wire) =>
  fronts.flatMap((front) =>
    wire.cases.map((what) => [wire.name, front.name, what.name, wire, front, what] as const),
  ),
)

let rows: Map<string, Row[]>
beforeAll(async () => {
  for (const [place, cell] of cells.entries()) {
    const [, , , wire, front, what] = cell
    next = wire.stream(what)
    const response = await fetch(gateway.url + front.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': `c3-${place}` },
      body: JSON.stringify(front.body(wire.name, 'How are you today?', true)),
    })
    await response.text()
  }
  rows = rowsByRequest(await readFullBooks(gateway.dataDirectory, {}, cells.length))
})

describe('C3', () => {
  test.each(cells.map((cell, place) => [...cell, place] as const))(
    '%s upstream, %s client: %s',
    (_wire, _front, _name, _, __, what, place) => {
      const [row, ...twins] = rows.get(`c3-${place}`) ?? []
      expect(twins).toEqual([])
      const isEstimated = what.input === 'some' || what.output === 'some'
      expect(row?.usage_source).toBe(isEstimated ? 'estimated' : 'reported')
      if (what.input === 'some') expect(row?.prompt_tokens).toBeGreaterThan(3)
      else expect(row?.prompt_tokens).toBe(what.input)
      // About four characters a token.
      if (what.output === 'some') expect(row?.completion_tokens).toBe(Math.ceil(text.length / 4))
      else expect(row?.completion_tokens).toBe(what.output)
    },
  )
})
