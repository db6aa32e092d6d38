import { expect, test } from 'bun:test'
import { newId } from '../platform/random.ts'
import { timedId } from './row-id.ts'

test('ids sort by their time, byte by byte, and never meet', () => {
  const times = [0, 61, 62, 1_790_000_000_000, 1_790_000_000_001, 4_102_444_800_000]
  const ids = times.map((time) => timedId(time, newId()))
  expect(ids.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(ids)
  expect(ids.map((id) => /^[0-9A-Za-z]{24}$/.test(id))).toEqual(times.map(() => true))
  const many = new Set(Array.from({ length: 100_000 }, () => timedId(1_790_000_000_000, newId())))
  expect(many.size).toBe(100_000)
})
