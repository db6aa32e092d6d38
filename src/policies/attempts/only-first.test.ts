import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { scanJson } from '../../pipeline/json-scan.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import { wantsOnlyFirst } from './only-first.ts'
import { bench, target } from './testing.ts'

function asked(text: string) {
  const { call } = bench()
  const body = Buffer.from(text)
  return Object.assign(call, {
    body,
    members: scanJson(body),
    client: { name: 'chat-completions' },
    restored: undefined,
  })
}

describe('disable_fallbacks', () => {
  test('in a header: one route and no other', async () => {
    const failed = new GatewayError('upstream_failed', 'down')
    for (const [value, tried] of [
      ['true', ['first']],
      ['1', ['first']],
      ['false', ['first', 'second']],
    ] as const) {
      const found = await bench({
        targets: ['first', 'second'].map((label) =>
          target(label, { retry: { maxRetries: 0, backoffMs: 0 } }),
        ),
        headers: { 'x-xjp-disable-fallbacks': value },
        tries: (label) => (label === 'first' ? { error: failed } : undefined),
      }).run()
      expect(found.tried).toEqual([...tried])
    }
  })

  for (const wrong of ['', 'maybe', 'yes', '2'])
    test(`the header ${JSON.stringify(wrong)} is refused, by its name`, async () => {
      const { error, tried } = await bench({ headers: { 'x-xjp-disable-fallbacks': wrong } }).run()
      expect(error).toMatchObject({ kind: 'invalid_request', details: { param: 'x-xjp-disable-fallbacks' } })
      expect(tried).toEqual([])
    })

  const bodies: [string, boolean, string][] = [
    ['{"model":"m","disable_fallbacks":true,"stream":false}', true, '{"model":"m","stream":false}'],
    ['{"disable_fallbacks":true,"model":"m"}', true, '{"model":"m"}'],
    ['{"model":"m" , "disable_fallbacks" : true}', true, '{"model":"m" }'],
    ['{"model":"m","disable_fallbacks":false}', false, '{"model":"m"}'],
    ['{"model":"m","disable_fallbacks":null}', false, '{"model":"m"}'],
    ['{ "disable_fallbacks":\n true }', true, '{  }'],
    ['{"a":"\\"","\\u0064isable_fallbacks":true,"b":[1]}', true, '{"a":"\\"","b":[1]}'],
    ['{"model":"m","metadata":{"disable_fallbacks":true}}', false, ''],
  ]
  for (const [text, wanted, left] of bodies)
    test(`${text}: ${wanted}`, () => {
      const call = asked(text)
      expect(wantsOnlyFirst(call)).toBe(wanted)
      expect(Buffer.from(call.body).toString()).toBe(left === '' ? text : left)
      expect(call.members.has('disable_fallbacks')).toBe(false)
    })

  for (const text of ['"yes"', '1', '[true]', '{}', 'true,"disable_fallbacks":true'])
    test(`${text} is refused, by its name`, () => {
      const call = asked(`{"model":"m","disable_fallbacks":${text}}`)
      expect(() => wantsOnlyFirst(call)).toThrow('disable_fallbacks: expected true or false, once')
    })

  test('whatever stands beside it stays as it was', () => {
    const members = fc.dictionary(
      fc.string({ unit: 'grapheme', maxLength: 6 }),
      fc.jsonValue({ maxDepth: 2 }),
    )
    fc.assert(
      fc.property(members, fc.nat({ max: 8 }), fc.constantFrom('', ' ', '\n\t'), (others, place, space) => {
        const pairs = Object.entries(others)
          .filter(([name]) => name !== '__proto__')
          .map(([name, value]) => `${JSON.stringify(name)}${space}:${space}${JSON.stringify(value)}`)
        const all = pairs.toSpliced(place, 0, `"disable_fallbacks"${space}:true`)
        const join = (list: string[]): string => `{${space}${list.join(`${space},${space}`)}${space}}`
        const call = asked(join(all))
        expect(wantsOnlyFirst(call)).toBe(true)
        expect(JSON.parse(Buffer.from(call.body).toString())).toEqual(JSON.parse(join(pairs)))
      }),
    )
  })

  test('no upstream hears of it, in whatever dialect', () => {
    const call = asked('{"model":"m","disable_fallbacks":true}')
    const extensions = { 'chat-completions': { disable_fallbacks: true, top_a: 1 } }
    call.request = { ...call.request, extensions }
    Object.assign(call, { restored: { ...call.request, extensions } })
    wantsOnlyFirst(call)
    expect(call.request.extensions).toEqual({ 'chat-completions': { top_a: 1 } })
    expect(call.restored).toMatchObject({ extensions: { 'chat-completions': { top_a: 1 } } })
  })
})
