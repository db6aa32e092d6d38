import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Backlog } from './backlog.ts'

describe('how long rows wait', () => {
  test('from the first that waits, and anew once everything settled before is stored', () => {
    const backlog = new Backlog()
    expect(backlog.lagMs(50)).toBe(0)
    backlog.settled(100)
    backlog.settled(900)
    expect([backlog.rows, backlog.lagMs(1_000)]).toEqual([2, 900])
    backlog.stored(1)
    expect(backlog.lagMs(1_000)).toBe(900)
    // A round that began at 950 is through; what came since is younger than that.
    backlog.currentSince(950)
    expect(backlog.lagMs(1_000)).toBe(50)
    backlog.stored(1)
    expect([backlog.rows, backlog.lagMs(2_000)]).toEqual([0, 0])
    backlog.settled(3_000)
    expect(backlog.lagMs(3_010)).toBe(10)
  })
})

test('rows are counted once, also when the journal is read again from its mark', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('settle' as const), rows: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ type: fc.constant('store' as const), rows: fc.integer({ min: 1, max: 20 }) }),
    fc.constant({ type: 'mark' as const }),
    fc.constant({ type: 'rewind' as const }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const backlog = new Backlog()
      // The journal: how many rows it has, where its mark stands, and how far has been read from the mark.
      let [settled, mark, read] = [0, 0, 0]
      for (const act of steps) {
        if (act.type === 'settle') {
          settled += act.rows
          for (let row = 0; row < act.rows; row += 1) backlog.settled(0)
        } else if (act.type === 'store') {
          const rows = Math.min(act.rows, settled - read)
          read += rows
          backlog.stored(rows)
        } else if (act.type === 'mark') {
          mark = read
          backlog.marked()
        } else {
          read = mark
          backlog.rewound()
        }
        expect(backlog.rows).toBe(settled - read)
      }
    }),
  )
})
