import type { Fault } from '../../rig/fault/fault.ts'
import { namedFault } from '../../rig/fault/faults.ts'
import { bytesOf, type Reply } from '../../rig/http/reply.ts'

/**
 * An answer that is not what was asked for. `failed`: a typed error is wanted. `fine`: it can be read all the same.
 * `either`: reading it and refusing it are both right, breaking is not.
 */
export interface WrongAnswer {
  name: string
  fault: Fault
  whole: Wanted
  streamed: Wanted
}

export type Wanted = 'failed' | 'fine' | 'either'

function withBody(body: string, type = 'application/json'): Fault {
  return {
    reply: (reply) => ({
      ...reply,
      headers: [...others(reply, 'content-type'), ['content-type', type]],
      parts: body === '' ? [] : [bytesOf(body)],
      framing: 'length',
    }),
  }
}

function others(reply: Reply, name: string): [string, string][] {
  return reply.headers.filter(([one]) => one.toLowerCase() !== name)
}

function withStatus(status: number, headers: [string, string][] = []): Fault {
  // A 304 has no body: bytes behind it would belong to the next answer.
  const without = status === 304 ? { parts: [], framing: 'length' as const } : {}
  return { reply: (reply) => ({ ...reply, status, headers: [...reply.headers, ...headers], ...without }) }
}

function withHeader(name: string, value: string): Fault {
  return { reply: (reply) => ({ ...reply, headers: [...reply.headers, [name, value]] }) }
}

const sse = 'text/event-stream'
const row = (name: string, fault: Fault, whole: Wanted, streamed = whole): WrongAnswer => ({
  name,
  fault,
  whole,
  streamed,
})
const named = (name: string, whole: Wanted, streamed = whole): WrongAnswer =>
  row(name, namedFault(name, undefined), whole, streamed)

export const wrongAnswers: readonly WrongAnswer[] = [
  named('html', 'failed'),
  named('empty', 'failed'),
  named('no-content', 'failed'),
  named('other-form', 'either'),
  named('wrong-type', 'either'),
  named('truncated-json', 'failed'),
  named('length-too-long', 'failed', 'either'),
  named('length-too-short', 'failed', 'either'),
  named('invalid-utf8', 'either'),
  named('informational', 'fine'),
  named('no-usage', 'fine'),
  row('a JSON array', withBody('[]'), 'failed'),
  row('JSON null', withBody('null'), 'failed'),
  row('a JSON string', withBody('"hello"'), 'failed'),
  row('a JSON number', withBody('42'), 'failed'),
  row('an empty JSON object', withBody('{}'), 'failed'),
  row('an unknown JSON object', withBody('{"status":"ok","data":[1,2,3]}'), 'failed'),
  row(
    'members of the wrong types',
    withBody('{"choices":7,"content":5,"candidates":{"a":1},"usage":[]}'),
    'failed',
  ),
  row(
    'choices of the wrong types',
    withBody('{"choices":[1,null,"x"],"content":[1,null],"candidates":[1,null]}'),
    'failed',
  ),
  row('deep JSON', withBody('['.repeat(20_000)), 'failed'),
  row(
    'an error inside a 200',
    withBody('{"error":{"message":"no luck","type":"overloaded"},"type":"error"}'),
    'failed',
  ),
  row('an error text inside a 200', withBody('{"error":"no luck","type":"error"}'), 'failed'),
  row('HTML that says it is JSON', withBody('<!doctype html><p>Sign in', 'application/json'), 'failed'),
  row('HTML that says it is events', withBody('<!doctype html><p>Sign in', sse), 'failed'),
  row('events without data', withBody('event: ping\n\n: hello\n\n', sse), 'failed'),
  row('an event that is not JSON', withBody('data: oh no\n\n', sse), 'failed'),
  row('an event that is a JSON array', withBody('data: [1]\n\n', sse), 'failed'),
  row('only the end', withBody('data: [DONE]\n\n', sse), 'failed'),
  row('a redirect', withStatus(302, [['location', 'http://127.0.0.1:1/']]), 'failed'),
  row('not modified', withStatus(304), 'failed'),
  row('a status nobody knows', withStatus(599), 'failed'),
  row('a moved body', withStatus(206), 'either'),
  row('an unknown encoding', withHeader('content-encoding', 'lzma'), 'failed'),
  row('an encoding that is a lie', withHeader('content-encoding', 'gzip'), 'failed'),
  row(
    'no content type',
    { reply: (reply) => ({ ...reply, headers: others(reply, 'content-type') }) },
    'either',
  ),
]
