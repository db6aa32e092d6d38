import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { KeyRecord } from '../store/ports/keys.ts'
import { KeyTable } from './key-table.ts'
import { keyRecord, NOON } from './testing.ts'

function record(id: string, revision: number, parts: Partial<KeyRecord> = {}): KeyRecord {
  return { ...keyRecord(`${id} secret`, id), hash: `hash of ${id}`, revision, ...parts }
}

test('the earlier secret is good until its time is over', () => {
  const table = new KeyTable()
  table.learn([record('a', 1, { hash: 'new', previousHash: 'old', previousUntil: NOON })])
  expect(table.find('new', NOON)?.key.id).toBe('a')
  expect(table.find('old', NOON - 1)?.key.id).toBe('a')
  expect(table.find('old', NOON)).toBeUndefined()
})

test('a secret that was replaced is gone', () => {
  const table = new KeyTable()
  table.learn([record('a', 1, { hash: 'first' })])
  table.learn([record('a', 2, { hash: 'second', previousHash: 'first', previousUntil: NOON + 1 })])
  table.learn([record('a', 3, { hash: 'third', previousHash: 'second', previousUntil: NOON + 1 })])
  expect(['first', 'second', 'third'].map((hash) => table.find(hash, NOON)?.key.revision)).toEqual([
    undefined,
    3,
    3,
  ])
})

test('one look-up that was overtaken by a deletion brings nothing back', () => {
  const table = new KeyTable()
  table.learn([record('a', 5, { deletedAt: NOON })])
  expect(table.learnOne(record('a', 4))).toBe(false)
  expect(table.find('hash of a', NOON)).toBeUndefined()
  expect(table.learnOne(record('b', 6))).toBe(true)
  expect(table.learnOne(record('b', 6))).toBe(true)
  expect(table.revision).toBe(5)
})

test('promise I3: whatever order states arrive in, the newest one counts and nothing deleted comes back', () => {
  // A history of one store; pages arrive in order, single look-ups give any state of the past at any time.
  const history = fc.array(
    fc.record({ id: fc.constantFrom('a', 'b', 'c'), enabled: fc.boolean(), deleted: fc.boolean() }),
    { minLength: 1, maxLength: 30 },
  )
  fc.assert(
    fc.property(history, fc.array(fc.nat(29), { maxLength: 30 }), fc.nat(5), (changes, lookups, pace) => {
      const states: KeyRecord[] = []
      const gone = new Set<string>()
      changes.forEach(({ id, enabled, deleted }, index) => {
        if (gone.has(id)) return
        if (deleted) gone.add(id)
        states.push(record(id, index + 1, { enabled, ...(deleted ? { deletedAt: NOON } : {}) }))
      })
      const table = new KeyTable()
      const pending = [...lookups]
      let told = 0
      for (const state of states) {
        table.learn([state])
        told = state.revision
        for (const at of pending.splice(0, pace)) {
          const past = states[at % states.length]
          if (past && past.deletedAt === undefined && past.revision <= told) table.learnOne(past)
        }
        for (const id of ['a', 'b', 'c']) {
          const newest = states.filter((one) => one.id === id && one.revision <= told).at(-1)
          const expected = newest?.deletedAt === undefined ? newest?.revision : undefined
          expect(table.find(`hash of ${id}`, NOON)?.key.revision).toBe(expected)
        }
      }
    }),
    { numRuns: 1_000 },
  )
})
