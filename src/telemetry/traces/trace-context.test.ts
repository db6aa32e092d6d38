import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { readTraceContext, writeTraceContext } from './trace-context.ts'

const trace = '0af7651916cd43dd8448eb211c80319c'
const span = 'b7ad6b7169203331'
const good = `00-${trace}-${span}-01`

function read(traceparent: string, tracestate?: string) {
  return readTraceContext(new Headers({ traceparent, ...(tracestate === undefined ? {} : { tracestate }) }))
}

describe('traceparent', () => {
  const cases: readonly [string, string, boolean | undefined][] = [
    ['sampled', good, true],
    ['not sampled', `00-${trace}-${span}-00`, false],
    ['flags nobody knows yet', `00-${trace}-${span}-fe`, false],
    ['flags nobody knows yet, and sampled', `00-${trace}-${span}-ff`, true],
    ['a later version', `cc-${trace}-${span}-01`, true],
    ['a later version with more', `cc-${trace}-${span}-01-what-the-future-says`, true],
    ['the version that is none', `ff-${trace}-${span}-01`, undefined],
    ['more in the first version', `${good}-00`, undefined],
    ['a dash more', `${good}-`, undefined],
    ['a later version with more, not set apart', `cc-${trace}-${span}-01.more`, undefined],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${span}-01`, undefined],
    ['a span of zeros', `00-${trace}-${'0'.repeat(16)}-01`, undefined],
    ['capitals', `00-${trace.toUpperCase()}-${span}-01`, undefined],
    ['short ids', `00-${trace.slice(1)}-${span}-01`, undefined],
    ['long ids', `00-${trace}0-${span}-01`, undefined],
    ['no flags', `00-${trace}-${span}`, undefined],
    ['one digit of flags', `00-${trace}-${span}-1`, undefined],
    ['no hexadecimal digits', `00-${trace.replace('0', 'g')}-${span}-01`, undefined],
    ['two of them', `${good}, ${good}`, undefined],
    ['nothing', '', undefined],
    ['something else', 'hello', undefined],
  ]
  for (const [name, text, sampled] of cases)
    test(name, () => {
      expect(read(text)?.isSampled).toBe(sampled as boolean)
      if (sampled !== undefined) expect(read(text)).toMatchObject({ traceId: trace, spanId: span })
    })

  test('no header', () => {
    expect(readTraceContext(new Headers({ tracestate: 'a=1' }))).toBeUndefined()
  })
})

describe('tracestate', () => {
  const thirtyTwo = Array.from({ length: 32 }, (_, index) => `k${index}=v`).join(',')
  const cases: readonly [string, string, boolean][] = [
    ['one member', 'rojo=00f067aa0ba902b7', true],
    ['several, with spaces', 'rojo=1 , congo=t61rcWkgMzE', true],
    ['a tenant’s key', 'fw529a3039@dt=FfAAAA', true],
    ['empty members', 'rojo=1,,congo=2,', true],
    ['as many as there may be', thirtyTwo, true],
    ['one too many', `${thirtyTwo},more=v`, false],
    ['too long', `a=${'x'.repeat(511)}`, false],
    ['a key in capitals', 'Rojo=1', false],
    ['no value', 'rojo=', false],
    ['no key', '=1', false],
    ['two equals signs', 'rojo=1=2', false],
    ['a key twice', 'rojo=1,rojo=2', false],
    ['nothing but commas', ',,', false],
    ['no pairs', 'hello', false],
  ]
  for (const [name, text, kept] of cases)
    test(name, () => {
      const found = read(good, text)
      expect(found).toMatchObject({ traceId: trace, isSampled: true })
      expect(found?.state).toBe((kept ? text : undefined) as string)
    })

  test('says nothing without a traceparent that holds', () => {
    expect(read('hello', 'rojo=1')).toBeUndefined()
  })
})

test('what is written is read back, whatever it is', () => {
  const hex = (length: number) =>
    fc
      .uint8Array({ minLength: length, maxLength: length })
      .filter((bytes) => bytes.some((byte) => byte > 0))
      .map((bytes) => Buffer.from(bytes).toString('hex'))
  const state = fc.constantFrom(undefined, 'rojo=1', 'a=1,b@c=2')
  fc.assert(
    fc.property(hex(16), hex(8), fc.boolean(), state, (traceId, spanId, isSampled, given) => {
      const context = { traceId, spanId, isSampled, state: given }
      expect(readTraceContext(new Headers(writeTraceContext(context)))).toEqual(context)
    }),
  )
})

test('no header makes it throw, or take long', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme-ascii' }),
      fc.string({ unit: 'grapheme-ascii' }),
      (parent, state) => {
        const found = read(parent.trim(), state.trim())
        expect(found === undefined || found.traceId.length === 32).toBe(true)
      },
    ),
  )
  const begun = performance.now()
  read(`00-${'0'.repeat(100_000)}`, `${'a='.repeat(100)}`)
  read(good, `${'a'.repeat(256)}=${' '.repeat(250)}`)
  expect(performance.now() - begun).toBeLessThan(50)
})
