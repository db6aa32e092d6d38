import { describe, expect, test } from 'bun:test'
import { answerContext, framesOf } from '../../../../test/support/messages.ts'
import { expand } from '../../model/expand.ts'
import { grammarFault } from './grammar.ts'
import { encodeStream } from './stream-encode.ts'

const legal = framesOf(
  encodeStream(answerContext()).push(
    expand({
      candidates: [
        {
          blocks: [
            { type: 'thinking', text: 't' },
            { type: 'text', text: 'a' },
            { type: 'tool-call', id: 'i', name: 'f', kind: 'function', arguments: '{"a":1}' },
          ],
          finish: { reason: 'tool-calls' },
        },
      ],
    }),
  ),
)

describe('the judge of streams', () => {
  test('a legal stream has no fault', () => {
    expect(grammarFault(legal)).toBeUndefined()
  })

  legal.forEach((frame, index) => {
    /** Thinking and text may come in any number of pieces; every other event counts. */
    const free = /thinking_delta|text_delta|input_json_delta/.test(frame.data)
    test(`without event ${index} (${frame.event}) it ${free ? 'is still legal' : 'is not'}`, () => {
      expect(grammarFault(legal.toSpliced(index, 1)) === undefined).toBe(free)
    })
    test(`with event ${index} (${frame.event}) twice it ${/"(thinking|text)_delta/.test(frame.data) ? 'is still legal' : 'is not'}`, () => {
      const twice = legal.toSpliced(index, 0, frame)
      const fault = caught(() => grammarFault(twice))
      expect(fault === undefined).toBe(/"(thinking|text)_delta/.test(frame.data))
    })
  })
})

/** Input that is no JSON throws: that is a fault too. */
function caught(judge: () => string | undefined): string | undefined {
  try {
    return judge()
  } catch (error) {
    return String(error)
  }
}
