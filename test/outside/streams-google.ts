import type { JsonObject } from '../../src/protocol/model/json.ts'
import { f, g, type Row } from './row.ts'

const answer = (
  parts: JsonObject[] | undefined,
  finishReason?: string,
  members: JsonObject = {},
): JsonObject => ({
  candidates: [
    { ...(parts && { content: { role: 'model', parts } }), ...(finishReason && { finishReason }) },
  ],
  ...members,
})
const counted = {
  usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, thoughtsTokenCount: 4, totalTokenCount: 11 },
}

/** Generate-content upstream, chat completions client. */
export const googleRows: Row[] = [
  [
    'a call and its STOP in two chunks (32)',
    [answer([{ functionCall: { name: 'f', args: { a: 1 } } }]), answer([{ text: '' }], 'STOP', counted)],
    { calls: [f], finish: 'tool_calls', input: 5, output: 6 },
  ],
  [
    'no arguments, no content at the end (27, 88)',
    [answer([{ functionCall: { name: 'g' } }]), answer(undefined, 'STOP')],
    { calls: [g] },
  ],
  [
    'usage alone first',
    [{ usageMetadata: { trafficType: 'ON_DEMAND' } }, answer([{ text: 'a' }], 'STOP', counted)],
    { text: 'a', output: 6 },
  ],
  ['no finishReason (14)', [answer([{ text: 'a' }])], { error: /finishReason/ }],
  [
    'thoughts (56, 57)',
    [answer([{ text: 'r', thought: true }]), answer([{ text: 'a', thoughtSignature: 'c2ln' }], 'STOP')],
    { thinking: 'r', text: 'a' },
  ],
  [
    'a blocked prompt (88)',
    [{ promptFeedback: { blockReason: 'SAFETY', blockReasonMessage: 'unsafe' } }],
    { refusal: 'unsafe', finish: 'content_filter' },
  ],
  [
    'arguments in pieces',
    [
      answer([{ functionCall: { name: 'f', willContinue: true } }]),
      answer([{ functionCall: { partialArgs: [{ jsonPath: '$.a', numberValue: 1 }], willContinue: true } }]),
      answer([{ functionCall: {} }]),
      answer([{ text: '' }], 'STOP'),
    ],
    { calls: [f] },
  ],
  [
    'too many requests',
    [{ error: { code: 429, message: 'quota', status: 'RESOURCE_EXHAUSTED' } }],
    { status: 429, error: /quota/ },
  ],
  [
    'an error in the middle',
    [answer([{ text: 'a' }]), { error: { code: 503, message: 'busy', status: 'UNAVAILABLE' } }],
    { error: /busy/ },
  ],
]
