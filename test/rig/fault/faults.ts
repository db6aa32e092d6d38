import { brotliCompressSync, gzipSync } from 'node:zlib'
import { bytesOf, joined, type Reply } from '../http/reply.ts'
import type { WireEvent } from '../wire/dialect.ts'
import { brotliBomb, gzipBomb, nestedGzip } from './bombs.ts'
import type { Fault } from './fault.ts'

const HTML = '<!doctype html><html><body><h1>It works!</h1></body></html>'

function withHeader(reply: Reply, name: string, value: string): Reply {
  const others = reply.headers.filter(([one]) => one.toLowerCase() !== name)
  return { ...reply, headers: [...others, [name, value]] }
}

/** A reply whose body is replaced; the bill stays at what the parts before it said. */
function withBody(reply: Reply, body: Uint8Array, framing: Reply['framing'] = 'length'): Reply {
  return { ...reply, parts: body.length === 0 ? [] : [body], framing, produced: reply.produced.slice(-1) }
}

function eachText(change: (text: string) => string): (events: readonly WireEvent[]) => WireEvent[] {
  return (events) => events.map((event) => ({ ...event, text: change(event.text) }))
}

function compressed(encoding: string, pack: (body: Uint8Array) => Uint8Array): Fault {
  return {
    reply: (reply) =>
      withHeader(withBody(reply, pack(joined(reply.parts)), 'chunked'), 'content-encoding', encoding),
  }
}

/** Puts a byte that is never legal in UTF-8 into the middle of the body. */
function spoilUtf8(reply: Reply): Reply {
  const body = joined(reply.parts)
  body[body.lastIndexOf('o'.charCodeAt(0), body.length >> 1)] = 0xff
  return withBody(reply, body, reply.framing)
}

function truncated(reply: Reply): Reply {
  const body = joined(reply.parts)
  return withBody(reply, body.slice(0, body.length >> 1))
}

type FaultMaker = (argument: number | undefined) => Fault

/** Faults by name; the number after `@` in a mark (`cut-fin@120`) is the argument. */
export const faults: Record<string, FaultMaker> = {
  'cut-fin': (at = 100) => ({ cut: { at, how: 'fin' } }),
  'cut-rst': (at = 100) => ({ cut: { at, how: 'rst' } }),
  'cut-head-fin': (at = 20) => ({ cut: { at, of: 'wire', how: 'fin' } }),
  'cut-head-rst': (at = 20) => ({ cut: { at, of: 'wire', how: 'rst' } }),
  'stall-head': (ms = Number.POSITIVE_INFINITY) => ({ stalls: [{ at: 0, of: 'wire', ms }] }),
  'stall-start': (ms = Number.POSITIVE_INFINITY) => ({ stalls: [{ at: 0, ms }] }),
  'stall-at': (at = 100) => ({ stalls: [{ at, ms: Number.POSITIVE_INFINITY }] }),
  trickle: (ms = 1000) => ({ paceMs: ms }),
  'one-byte-writes': () => ({ split: 'bytes' }),
  'random-splits': (seed = 1) => ({ split: { seed, most: 40 } }),
  'wrong-type': () => ({ reply: (reply) => withHeader(reply, 'content-type', 'text/plain') }),
  html: () => ({ reply: (reply) => withHeader(withBody(reply, bytesOf(HTML)), 'content-type', 'text/html') }),
  empty: () => ({ reply: (reply) => withBody(reply, new Uint8Array()) }),
  'other-form': () => ({ swapForm: true }),
  'truncated-json': () => ({ reply: truncated }),
  'length-too-long': (lengthError = 10) => ({
    lengthError,
    reply: (reply) => ({ ...reply, framing: 'length' }),
    afterwards: { closeAfterMs: 0 },
  }),
  'length-too-short': (missing = 10) => ({
    lengthError: -missing,
    reply: (reply) => ({ ...reply, framing: 'length' }),
    afterwards: { closeAfterMs: 0 },
  }),
  'invalid-utf8': () => ({ reply: spoilUtf8 }),
  'no-content': () => ({ reply: (reply) => ({ ...withBody(reply, new Uint8Array()), status: 204 }) }),
  informational: (informational = 1000) => ({ informational }),
  'no-usage': () => ({ play: (performance) => ({ ...performance, bill: undefined }) }),
  gzip: () => compressed('gzip', (body) => new Uint8Array(gzipSync(body))),
  brotli: () => compressed('br', (body) => new Uint8Array(brotliCompressSync(body))),
  'gzip-bomb': (megabytes = 256) => compressed('gzip', () => gzipBomb(megabytes)),
  'brotli-bomb': (megabytes = 256) => compressed('br', () => brotliBomb(megabytes)),
  'nested-encodings': (depth = 50) => ({
    reply: (reply) => {
      const { body, encoding } = nestedGzip(joined(reply.parts), depth)
      return withHeader(withBody(reply, body), 'content-encoding', encoding)
    },
  }),
  'endless-line': () => ({
    reply: (reply) => ({
      ...withBody(reply, bytesOf('data: {"choices":[{"delta":{"content":"')),
      framing: 'close',
    }),
    endless: { where: 'body', text: 'aaaaaaaaaaaaaaaa' },
  }),
  'endless-json': () => ({
    reply: (reply) => ({
      ...withBody(reply, bytesOf('{"object":"chat.completion","choices":[')),
      framing: 'close',
    }),
    endless: { where: 'body', text: '{"index":0},' },
  }),
  'endless-headers': () => ({
    endless: { where: 'headers', text: 'x-padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n' },
  }),
  'close-idle': (closeAfterMs = 0) => ({ afterwards: { closeAfterMs } }),
  'close-on-next-request': () => ({ afterwards: 'close-on-next-request' }),
  crlf: () => ({ events: eachText((text) => text.replaceAll('\n', '\r\n')) }),
  cr: () => ({ events: eachText((text) => text.replaceAll('\n', '\r')) }),
  'no-space': () => ({ events: eachText((text) => text.replaceAll(/^(data|event): /gm, '$1:')) }),
  comments: () => ({
    events: (events) => events.flatMap((event) => [{ ...event, text: ': keep-alive\n\n' }, event]),
  }),
  'other-fields': () => ({
    events: eachText((text) => (text.startsWith(':') ? text : `id: 1\nretry: 10\nx-other: y\n${text}`)),
  }),
  bom: () => ({
    events: (events) =>
      events.map((event, index) => (index === 0 ? { ...event, text: `\uFEFF${event.text}` } : event)),
  }),
  'no-final-blank-line': () => ({
    events: (events) =>
      events.map((event, index) =>
        index === events.length - 1 ? { ...event, text: event.text.trimEnd() } : event,
      ),
  }),
  'no-done': () => ({ events: (events) => events.filter((event) => event.text !== 'data: [DONE]\n\n') }),
  'trailing-garbage': () => ({
    events: (events) => [...events, { text: 'data: \n\n: bye\n\n', produced: events.at(-1)?.produced ?? 0 }],
  }),
}

export function namedFault(name: string, argument: number | undefined): Fault {
  const make = faults[name]
  if (make === undefined)
    throw new Error(`The rig has no fault "${name}". It has: ${Object.keys(faults).join(', ')}.`)
  return make(argument)
}
