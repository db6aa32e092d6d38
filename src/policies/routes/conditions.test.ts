import { describe, expect, test } from 'bun:test'
import type { RouteCondition, Snapshot } from '../../config/snapshot.ts'
import type { CallRecord, Identity } from '../../pipeline/call.ts'
import type { Target } from '../../pipeline/target.ts'
import type { KeyRecord } from '../../store/ports/keys.ts'
import { targetNamed } from '../testing.ts'
import { permitted } from './conditions.ts'

const snapshot = {} as Snapshot

function holder(tenant: string, tags: Record<string, string> = {}, scopes: string[] = []): Identity {
  const key: Partial<KeyRecord> = { tenant, tags, scopes }
  return { tenant, key: key as KeyRecord }
}

function target(label: string, when?: RouteCondition): Target {
  return { ...targetNamed(label), ...(when === undefined ? {} : { when }) }
}

function choose(identity: Identity, stream: boolean | undefined, list: Target[]) {
  const record: Partial<CallRecord> = {}
  const asking = {
    identity,
    snapshot,
    record: record as CallRecord,
    ...(stream === undefined ? {} : { stream }),
  }
  try {
    const { targets, refused } = permitted(asking, 'm', list)
    return { left: targets.map(({ label }) => label), refused, passedOver: record.passedOver }
  } catch (error) {
    return { error, passedOver: record.passedOver }
  }
}

const nobody: Identity = { tenant: 'open' }

describe('conditions of a route', () => {
  const table: [string, RouteCondition, Identity, boolean, boolean][] = [
    ['a tenant', { tenants: ['acme'] }, holder('acme'), true, true],
    ['another tenant', { tenants: ['acme'] }, holder('acme2'), true, false],
    ['a pattern of tenants', { tenants: ['x', 'ac*'] }, holder('acme'), true, true],
    ['nobody', { tenants: ['acme'] }, nobody, true, false],
    ['nobody, where that is meant', { tenants: ['open'] }, nobody, true, true],
    ['a tag', { tags: { team: 'search' } }, holder('a', { team: 'search' }), true, true],
    ['a pattern for a tag', { tags: { team: 'sea*' } }, holder('a', { team: 'search' }), true, true],
    ['any value of a tag', { tags: { team: '*' } }, holder('a', { team: '' }), true, true],
    ['another value', { tags: { team: 'search' } }, holder('a', { team: 'ads' }), true, false],
    ['a tag the key has not', { tags: { team: '*' } }, holder('a'), true, false],
    ['a tag nobody can have', { tags: { toString: '*' } }, holder('a'), true, false],
    ['one of two tags', { tags: { team: '*', tier: 'gold' } }, holder('a', { team: 'x' }), true, false],
    ['no key', { tags: { team: '*' } }, nobody, true, false],
    ['a stream', { stream: true }, nobody, true, true],
    ['no stream', { stream: true }, nobody, false, false],
    ['only whole answers', { stream: false }, nobody, true, false],
    ['all at once', { tenants: ['a'], tags: { t: '1' }, stream: true }, holder('a', { t: '1' }), true, true],
    [
      'all but one',
      { tenants: ['a'], tags: { t: '1' }, stream: true },
      holder('a', { t: '1' }),
      false,
      false,
    ],
    ['none', {}, nobody, true, true],
  ]
  test.each(table)('%s', (_name, when, identity, stream, fits) => {
    const found = choose(identity, stream, [target('a/1', when), target('b/2')])
    expect(found.left).toEqual(fits ? ['a/1', 'b/2'] : ['b/2'])
    expect(found.passedOver).toEqual(fits ? (undefined as never) : [{ target: 'a/1', reason: 'condition' }])
  })

  test('where it makes no difference whether a call is streamed, it is not asked', () => {
    expect(choose(nobody, undefined, [target('a/1', { stream: true })]).left).toEqual(['a/1'])
  })

  test('nothing left: 403 that says whom the routes are for', () => {
    const { error, passedOver } = choose(holder('x'), false, [
      target('a/1', { tenants: ['acme'] }),
      target('b/2', { stream: true }),
    ])
    expect(error).toMatchObject({
      status: 403,
      message:
        'model: none of the routes of "m" is for this call; they are for other tenants, or streamed calls',
      details: { param: 'model', code: 'route_not_allowed' },
    })
    expect(passedOver).toHaveLength(2)
  })
})

describe('promise B9: targets a key is not for', () => {
  test('are passed over and named', () => {
    const found = choose(holder('a', {}, ['target:a/*']), true, [target('a/1'), target('b/2'), target('a/3')])
    expect(found).toEqual({
      left: ['a/1', 'a/3'],
      refused: ['b/2'],
      passedOver: [{ target: 'b/2', reason: 'not_permitted' }],
    })
  })

  test('conditions come first: what is not for the call is not said to be forbidden', () => {
    const list = [target('a/1', { stream: true }), target('b/2'), target('c/3')]
    expect(choose(holder('a', {}, ['target:c/*']), false, list)).toEqual({
      left: ['c/3'],
      refused: ['b/2'],
      passedOver: [
        { target: 'a/1', reason: 'condition' },
        { target: 'b/2', reason: 'not_permitted' },
      ],
    })
  })

  test('nothing left: 403 that names each and what keeps the key from it', () => {
    const inEurope = { ...target('b/2'), settings: { ...target('b/2').settings, region: 'eu' } }
    const { error } = choose(holder('a', {}, ['target:b/*', 'region:us']), true, [target('a/1'), inEurope])
    expect(error).toMatchObject({
      status: 403,
      message:
        'model: this API key may not use what "m" stands for: a/1 (by its target), b/2 (by its region)',
      details: { param: 'model', code: 'target_not_allowed' },
    })
  })

  test('a long list is cut', () => {
    const list = Array.from({ length: 30 }, (_, index) => target(`a/${index}`))
    const { error } = choose(holder('a', {}, ['target:b/*']), true, list)
    expect((error as Error).message).toEndWith('a/9 (by its target) and 20 more')
  })
})
