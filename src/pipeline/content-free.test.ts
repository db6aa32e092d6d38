import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Block } from '../protocol/model/block.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { ChatRequest, Message } from '../protocol/model/request.ts'
import { contentFree } from './content-free.ts'

function asking(...content: (string | Block)[]): Pick<ChatRequest, 'messages'> {
  const blocks = content.map(
    (item): Block => (typeof item === 'string' ? { type: 'text', text: item } : item),
  )
  const message: Message = { role: 'user', content: blocks }
  return { messages: [message] }
}

function shown(message: string, request: Pick<ChatRequest, 'messages'>): string {
  return contentFree(new GatewayError('invalid_request', message), request)
}

describe('an error without the prompt', () => {
  const secret = 'the merger with Northwind closes on Friday'
  const cases: [string, string, Pick<ChatRequest, 'messages'>, string][] = [
    ['the whole of it', `Bad input: "${secret}".`, asking(secret), 'Bad input: "[prompt]".'],
    ['a part of it', 'Flagged: Northwind closes on', asking(`Hello, ${secret}`), 'Flagged:[prompt]'],
    ['twice', `${secret} and ${secret}`, asking(secret), '[prompt] and [prompt]'],
    ['a short one', 'No tool named "canary".', asking(' canary '), 'No tool named "[prompt]".'],
    ['one of two', `Odd: ${secret}`, asking('What is this?', secret), 'Odd: [prompt]'],
    [
      'the arguments of a tool',
      'arguments: {"city":"Oldenburg"} is odd',
      asking({ type: 'tool-call', id: '1', name: 'f', kind: 'function', arguments: '{"city":"Oldenburg"}' }),
      'arguments: [prompt] is odd',
    ],
    [
      'the result of a tool',
      `result ${secret}`,
      asking({ type: 'tool-result', callId: '1', content: [{ type: 'text', text: secret }] }),
      'result [prompt]',
    ],
    [
      'words that both use',
      'The model is not known',
      asking('Which model is best?'),
      'The model is not known',
    ],
    ['nothing', 'Rate limit reached', asking(secret), 'Rate limit reached'],
    ['too little to matter', 'ok is odd', asking('ok'), 'ok is odd'],
  ]
  for (const [name, message, request, wanted] of cases)
    test(name, () => expect(shown(message, request)).toBe(wanted))

  test('no run of sixteen characters of the prompt is left', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), maxLength: 80 })
    fc.assert(
      fc.property(letters, letters, fc.array(letters, { maxLength: 3 }), (one, other, pieces) => {
        const prompt = pieces.join('x')
        const from = prompt.length >> 2
        const said = shown(`${one}${prompt.slice(from, from + 40)}${other}`, asking(prompt))
        for (let at = 0; at + 16 <= prompt.length; at += 1)
          expect(said).not.toContain(prompt.slice(at, at + 16))
      }),
      { numRuns: 2_000, seed: 4 },
    )
  })

  test('what the message is about stays when the prompt is something else', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (message) => {
        expect(shown(message, asking('§'.repeat(500)))).toBe(message)
      }),
      { seed: 4 },
    )
  })

  test('a megabyte of one letter, in both, takes no time worth naming', () => {
    const prompt = 'a'.repeat(1_000_000)
    const began = performance.now()
    expect(shown(prompt, asking(prompt))).toBe('[prompt]')
    expect(performance.now() - began).toBeLessThan(250)
  })

  test('what we found in a request', () => {
    const error = new GatewayError(
      'invalid_request',
      'messages: expected an array, got the string "He said \\"hi\\""',
    )
    expect(contentFree(error, undefined)).toBe('messages: expected an array, got a string')
    expect(contentFree(new GatewayError('invalid_request', 'n: got the number 3'), undefined)).toBe(
      'n: got the number 3',
    )
  })

  test('a piece of an answer', () => {
    const error = new GatewayError('upstream_invalid', 'not JSON: Dear Ms', { withoutContent: 'not JSON' })
    expect(contentFree(error, undefined)).toBe('not JSON')
  })
})
