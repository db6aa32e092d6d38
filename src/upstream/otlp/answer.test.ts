import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { encodeTraceResponse } from '../../../test/rig/otlp-definitions.ts'
import { accepted, retryDelay } from './answer.ts'

describe('what a collector says when it took an export', () => {
  test('everything', () => {
    expect(accepted(encodeTraceResponse(0, ''))).toEqual({ kind: 'accepted', rejected: 0, message: '' })
    expect(accepted(new Uint8Array(0))).toEqual({ kind: 'accepted', rejected: 0, message: '' })
  })

  test('a part, and why', () => {
    for (const rejected of [1, 127, 128, 16_384, 2 ** 31, 2 ** 40])
      expect(accepted(encodeTraceResponse(rejected, 'zu groß'))).toEqual({
        kind: 'accepted',
        rejected,
        message: 'zu groß',
      })
  })

  test('long words are cut', () => {
    expect(accepted(encodeTraceResponse(1, 'x'.repeat(10_000)))).toMatchObject({ message: 'x'.repeat(300) })
  })

  test('whatever the bytes are, they are an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const { kind, rejected } = accepted(bytes) as { kind: string; rejected: number }
        expect(kind).toBe('accepted')
        expect(Number.isSafeInteger(rejected) && rejected >= 0).toBe(true)
        const delay = retryDelay(bytes)
        expect(delay === undefined || delay >= 0).toBe(true)
      }),
      { numRuns: 3_000 },
    )
  })
})

test('how long a gRPC status asks to wait', () => {
  // google.rpc.Status {code: 8, details: [{RetryInfo {retry_delay {seconds: 2, nanos: 500000000}}}]}
  const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo')
  const duration = Buffer.from([0x08, 0x02, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01])
  const info = Buffer.concat([Buffer.from([0x0a, duration.length]), duration])
  const detail = Buffer.concat([
    Buffer.from([0x0a, type.length]),
    type,
    Buffer.from([0x12, info.length]),
    info,
  ])
  const status = Buffer.concat([Buffer.from([0x08, 0x08, 0x1a, detail.length]), detail])
  expect(retryDelay(status)).toBe(2_500)
  expect(retryDelay(status.subarray(0, 2))).toBeUndefined()
  expect(retryDelay(new Uint8Array(0))).toBeUndefined()
})
