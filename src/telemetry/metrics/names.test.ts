import { describe, expect, test } from 'bun:test'
import type { Call } from '../../pipeline/call.ts'
import { BoundedNames } from './bounded-names.ts'
import { CallNames } from './call-names.ts'

const asIs = (text: string): string => text

describe('names of a label', () => {
  test('as many as there is room for, then other; those that have a place keep it', () => {
    const names = new BoundedNames(2, asIs)
    expect(['a', 'b', 'c', 'a', 'd'].map((name) => names.of(name))).toEqual(['a', 'b', 'other', 'a', 'other'])
    expect(names.folded).toBe(2)
  })

  test('one that is too long has no place', () => {
    const names = new BoundedNames(2, asIs)
    expect([names.of('x'.repeat(129)), names.has('x'.repeat(129))]).toEqual(['other', false])
    expect(names.of('x'.repeat(128))).toHaveLength(128)
  })

  test('control characters and half characters become a mark', () => {
    const names = new BoundedNames(10, asIs)
    expect(names.of('a\nb\u0000c\ud800d é 模型')).toBe('a\ufffdb\ufffdc\ufffdd é 模型')
  })

  test('a secret is taken out before it is kept', () => {
    const names = new BoundedNames(10, (text) => text.replace('hunter2', '[redacted]'))
    expect(names.of('my-hunter2-model')).toBe('my-[redacted]-model')
  })
})

describe('the model of a call', () => {
  const names = new CallNames(asIs, {
    models: 10,
    foundModels: 2,
    tenants: 2,
    providers: 2,
    targets: 2,
    reasons: 2,
  })
  const callTo = (model: string, publicModel?: string): Call => {
    const snapshot = { models: new Map([['configured', {}]]), aliases: new Map([['alias', 'configured']]) }
    const targets = publicModel === undefined ? [] : [{ publicModel }]
    return { record: { model }, snapshot, targets } as unknown as Call
  }

  test('a configured name always has its place, also when the call was refused', () => {
    expect(names.modelOf(callTo('configured'), false)).toBe('configured')
  })

  test('an alias is a name of the configuration', () => {
    expect(names.modelOf(callTo('alias', 'configured'), false)).toBe('alias')
  })

  test('a name that fits a pattern stands under it until an upstream has answered', () => {
    expect(names.modelOf(callTo('wild-1', 'wild-*'), false)).toBe('wild-*')
    expect(names.modelOf(callTo('wild-1', 'wild-*'), true)).toBe('wild-1')
    expect(names.modelOf(callTo('wild-1', 'wild-*'), false)).toBe('wild-1')
  })

  test('another name gets a place once an upstream has answered under it', () => {
    const call = callTo('provider/model', 'provider/model')
    expect(names.modelOf(call, false)).toBe('other')
    expect(names.modelOf(call, true)).toBe('provider/model')
    expect(names.modelOf(call, false)).toBe('provider/model')
  })

  test('names that clients chose take no place of configured ones', () => {
    for (let index = 0; index < 50; index += 1) names.modelOf(callTo(`p/${index}`, 'p/*'), true)
    expect(names.modelOf(callTo('p/late', 'p/*'), true)).toBe('other')
    expect(names.modelOf(callTo('configured'), false)).toBe('configured')
  })

  test('an invented one has none', () => {
    expect(names.modelOf(callTo('invented'), false)).toBe('other')
    expect([...names.folded()].find(([[label]]) => label === 'model')?.[1]).toBeGreaterThan(0)
  })

  test('no provider is said as such', () => {
    expect([names.providerOf(undefined), names.providerOf('p')]).toEqual(['none', 'p'])
  })
})
