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

test('promise I3: of all states that arrive, in whatever order, the newest counts', () => {
  const history = fc.array(
    fc.record({ id: fc.constantFrom('a', 'b', 'c'), enabled: fc.boolean(), deleted: fc.boolean() }),
    { minLength: 1, maxLength: 30 },
  )
  fc.assert(
    fc.property(history, fc.array(fc.nat(29), { maxLength: 30 }), (changes, repeats) => {
      const states = changes.map(({ id, enabled, deleted }, index) =>
        record(id, index + 1, { enabled, ...(deleted ? { deletedAt: NOON } : {}) }),
      )
      const table = new KeyTable()
      for (const [index, state] of states.entries()) {
        table.learn([state])
        // A page that was asked for earlier arrives late.
        const late = states[(repeats[index] ?? 0) % (index + 1)]
        if (late && late.deletedAt === undefined && table.find(late.hash, NOON)) table.learn([late])
        for (const id of ['a', 'b', 'c']) {
          const newest = states.slice(0, index + 1).findLast((one) => one.id === id)
          const expected = newest?.deletedAt === undefined ? newest?.revision : undefined
          expect(table.find(`hash of ${id}`, NOON)?.key.revision).toBe(expected)
        }
      }
      expect(table.revision).toBe(states.length)
    }),
    { numRuns: 1_000 },
  )
})
