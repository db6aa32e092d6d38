import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { markOf, TELLING_CHARACTERS, TextMark } from './text-mark.ts'

/** The mark as it is meant, from the whole text. */
function meant(whole: string): string {
  const text = whole.trim()
  if (text.length <= 2 * TELLING_CHARACTERS) return text
  return `${text.length}:${text.slice(0, TELLING_CHARACTERS)}…${text.slice(-TELLING_CHARACTERS)}`
}

const word = fc.oneof(
  fc.constantFrom('', ' ', '\n\n', ' and', 'x', '北京', '😀', '\u00a0', '\ufeff', 'a b '),
  fc.string({ maxLength: 300 }),
)

describe('the mark of a text', () => {
  test('is the same however the text comes', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 120 }), (pieces) => {
        const mark = new TextMark()
        for (const piece of pieces) mark.add(piece)
        const whole = pieces.join('')
        expect(mark.toString()).toBe(meant(whole))
        expect(mark.length).toBe(whole.trim().length)
        expect(markOf(whole)).toBe(meant(whole))
      }),
    )
  })

  test('may be asked for in between', () => {
    const mark = new TextMark()
    const seen = ['one', ' ', 'two', ' '].map((piece) => {
      mark.add(piece)
      return mark.toString()
    })
    expect(seen).toEqual(['one', 'one', 'one two', 'one two'])
  })

  test('of a long text has both ends and the length', () => {
    const mark = new TextMark()
    for (let count = 0; count < 1_000; count += 1) mark.add(`w${count} `)
    const whole = Array.from({ length: 1_000 }, (_, count) => `w${count} `).join('')
    expect(mark.toString()).toBe(meant(whole))
  })
})
