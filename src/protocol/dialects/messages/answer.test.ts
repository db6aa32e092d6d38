import { describe, expect, test } from 'bun:test'
import { answerContext, decodeContext } from '../../../../test/support/messages.ts'
import { GatewayError } from '../../model/error.ts'
import { fold } from '../../model/fold.ts'
import type { JsonObject } from '../../model/json.ts'
import { decodeAnswer, encodeAnswer } from './answer.ts'

const decode = (body: JsonObject) => fold(decodeAnswer(body, decodeContext()))

describe('whole answers', () => {
  test('a bare message without id and usage', () => {
    expect(decode({ role: 'assistant', content: [{ type: 'text', text: 'Hi' }] })).toEqual({
      candidates: [{ blocks: [{ type: 'text', text: 'Hi' }], finish: { reason: 'other' } }],
    })
  })

  test('content that is a string', () => {
    expect(decode({ content: 'Hi', stop_reason: 'end_turn' }).candidates[0]?.blocks).toEqual([
      { type: 'text', text: 'Hi' },
    ])
  })

  test('the hidden JSON tool is the answer in text', () => {
    const content = [{ type: 'tool_use', id: 'i', name: 'xjp_json_output', input: { n: 1 } }]
    expect(decode({ content, stop_reason: 'tool_use' }).candidates).toEqual([
      { blocks: [{ type: 'text', text: '{"n":1}' }], finish: { reason: 'stop', raw: 'tool_use' } },
    ])
  })

  test('pieces of an unknown block are joined', () => {
    const wire = {
      type: 'compaction',
      content: null,
      xjp_deltas: [
        { type: 'compaction_delta', content: 'a' },
        { type: 'compaction_delta', content: 'b' },
      ],
    }
    const answer = {
      candidates: [
        {
          blocks: [{ type: 'unknown', dialect: 'messages', wire } as const],
          finish: { reason: 'stop' } as const,
        },
      ],
    }
    expect(encodeAnswer(answer, answerContext()).body.content).toEqual([
      { type: 'compaction', content: 'ab' },
    ])
  })

  const faults: [string, JsonObject, string, number][] = [
    [
      'an error with status 200',
      { type: 'error', error: { type: 'overloaded_error', message: 'x' } },
      'overloaded',
      529,
    ],
    ['a bare error', { error: { type: 'rate_limit_error', message: 'x' } }, 'rate_limited', 429],
    ['no message', { object: 'chat.completion', choices: [] }, 'upstream_invalid', 502],
    ['an empty object', {}, 'upstream_invalid', 502],
  ]
  for (const [name, body, kind, status] of faults)
    test(name, () => {
      try {
        decodeAnswer(body, decodeContext())
        throw new Error('nothing was thrown')
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError)
        expect(error).toMatchObject({ kind, status })
      }
    })
})
