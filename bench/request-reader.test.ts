import { describe, expect, test } from 'bun:test'
import { RequestReader, type UpstreamRequest } from './request-reader.ts'

const CHAT = '/v1/chat/completions'
const GOOGLE = '/v1beta/models/gemini:streamGenerateContent'
const post = (path: string, framing: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\n${framing}\r\n\r\n${body}`
const sized = (path: string, body: string): string => post(path, `Content-Length: ${body.length}`, body)

const CASES: Record<string, { wire: string; requests: UpstreamRequest[] }> = {
  'a whole answer is asked for': {
    wire: sized(CHAT, '{"stream":false}'),
    requests: [{ path: CHAT, stream: false }],
  },
  'a stream is asked for': {
    wire: sized(CHAT, '{"stream": true}'),
    requests: [{ path: CHAT, stream: true }],
  },
  'a stream is asked for by the path': {
    wire: sized(`${GOOGLE}?alt=sse`, '{}'),
    requests: [{ path: GOOGLE, stream: true }],
  },
  'the body comes in chunks': {
    wire: post(CHAT, 'Transfer-Encoding: chunked', '10\r\n{"stream":true }\r\n0\r\n\r\n'),
    requests: [{ path: CHAT, stream: true }],
  },
  'two follow each other': {
    wire: sized(CHAT, '{}') + sized('/v1/messages', '{"stream":true}'),
    requests: [
      { path: CHAT, stream: false },
      { path: '/v1/messages', stream: true },
    ],
  },
}

describe('requests are read', () => {
  for (const [name, { wire, requests }] of Object.entries(CASES)) {
    const bytes = Buffer.from(wire)
    test(`${name}: at once`, () => expect(new RequestReader().push(bytes)).toEqual(requests))
    test(`${name}: cut at any place`, () => {
      for (let cut = 1; cut < bytes.length; cut++) {
        const reader = new RequestReader()
        const first = reader.push(bytes.subarray(0, cut))
        expect([...first, ...reader.push(bytes.subarray(cut))]).toEqual(requests)
      }
    })
  }
})
