import { describe, expect, test } from 'bun:test'
import { type PacedStream, PaceWheel, WindowedTurns } from './upstream-pace.ts'

function counting(takes = true): PacedStream & { emitted: number } {
  return {
    emitted: 0,
    emit() {
      if (takes) this.emitted++
      return takes
    },
  }
}

describe('a wheel', () => {
  test('lets each stream emit once an interval, however time is cut', () => {
    for (const step of [0.1, 1, 3, 10]) {
      const wheel = new PaceWheel(10, 0)
      const streams = Array.from({ length: 50 }, () => counting())
      for (const stream of streams) wheel.add(stream)
      for (let now = 0; now <= 1_000; now += step) wheel.advance(now)
      for (const { emitted } of streams) {
        expect(emitted).toBeGreaterThanOrEqual(98)
        expect(emitted).toBeLessThanOrEqual(101)
      }
    }
  })

  test('spreads the streams: no tenth of an interval has more than twice its share', () => {
    const wheel = new PaceWheel(10, 0)
    const streams = Array.from({ length: 100 }, () => counting())
    for (const stream of streams) wheel.add(stream)
    let before = 0
    for (let now = 1; now <= 10; now++) {
      wheel.advance(now)
      const emitted = streams.reduce((sum, stream) => sum + stream.emitted, 0)
      expect(emitted - before).toBeLessThanOrEqual(20)
      before = emitted
    }
    expect(before).toBe(100)
  })

  test('makes up for one turn after a pause, not for all', () => {
    const wheel = new PaceWheel(10, 0)
    const stream = counting()
    wheel.add(stream)
    wheel.advance(10_000)
    expect(stream.emitted).toBe(1)
  })

  test('forgets a removed stream', () => {
    const wheel = new PaceWheel(10, 0)
    const stream = counting()
    wheel.add(stream)
    wheel.remove(stream)
    wheel.advance(100)
    expect(stream.emitted).toBe(0)
  })
})

describe('turns in a window', () => {
  test('stop when the window is full and go on when something came through', () => {
    const streams = Array.from({ length: 8 }, () => counting())
    const emitted = (): number => streams.reduce((sum, stream) => sum + stream.emitted, 0)
    let received = 0
    const turns = new WindowedTurns(5, () => emitted() - received)
    for (const stream of streams) turns.add(stream)
    turns.advance()
    turns.advance()
    expect(emitted()).toBe(5)
    received = 3
    turns.advance()
    expect(emitted()).toBe(8)
    expect(streams.every((stream) => stream.emitted === 1)).toBe(true)
  })

  test('pass over a stream whose socket is full', () => {
    const full = counting(false)
    const free = counting()
    const turns = new WindowedTurns(2, () => free.emitted)
    turns.add(full)
    turns.add(free)
    turns.advance()
    turns.advance()
    expect(free.emitted).toBe(2)
    expect(full.emitted).toBe(0)
  })
})
