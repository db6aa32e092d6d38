import { describe, expect, test } from 'bun:test'
import { fold } from '../../protocol/model/fold.ts'
import { JsonLinesOutput, type OutputReader, TextOutput } from './output.ts'

function read(output: OutputReader, pieces: string[]) {
  const events = [...pieces.flatMap((piece) => output.push(piece)), ...output.end()]
  return fold([{ type: 'answer-start' }, ...events, { type: 'answer-end', finishes: [output.finish] }])
}

test('text is one block, whatever its pieces', () => {
  expect(read(new TextOutput(), ['a', '', 'b\n', '中']).candidates).toEqual([
    { blocks: [{ type: 'text', text: 'ab\n中' }], finish: { reason: 'stop' } },
  ])
  expect(read(new TextOutput(), []).candidates).toEqual([{ blocks: [], finish: { reason: 'stop' } }])
})

describe('JSON lines', () => {
  test('split anywhere', () => {
    const lines =
      '{"thinking":"hm"}\n\n{"text":"a"}\n{"text":"b","finish":"length"}\n{"usage":{"input_tokens":3}}\n{"usage":{"output_tokens":2}}'
    for (let size = 1; size < lines.length; size += 1) {
      const output = new JsonLinesOutput()
      const pieces = lines.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
      expect(read(output, [...pieces]).candidates).toEqual([
        {
          blocks: [
            { type: 'thinking', text: 'hm' },
            { type: 'text', text: 'ab' },
          ],
          finish: { reason: 'length', raw: 'length' },
        },
      ])
      expect(output.reported).toEqual({ inputTokens: 3, outputTokens: 2 })
    }
  })

  test.each([
    ['nonsense\n', 'printed a line that is no JSON object'],
    ['[1]\n', 'printed a line that is no JSON object'],
    ['{"error":"model not found"}\n', 'model not found'],
  ])('%j fails: %s', (line, message) => {
    expect(() => new JsonLinesOutput().push(line)).toThrow(message)
  })

  test('a line without end is not kept for ever', () => {
    const output = new JsonLinesOutput()
    expect(() => {
      for (let index = 0; index < 6; index += 1) output.push('x'.repeat(1024 * 1024))
    }).toThrow('too long')
  })
})
