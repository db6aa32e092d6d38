import { expect, test } from 'bun:test'
import { Histogram } from './instruments.ts'
import { LoopDelay } from './loop-delay.ts'

test('how late each timer came; one that was early was in time', () => {
  let now = 0
  const delays = new Histogram([0.001, 0.05, 1])
  const watch = new LoopDelay(delays, () => now)
  watch.start()
  for (const moment of [100, 240, 335, 3_435]) {
    now = moment
    watch.tick()
  }
  watch.stop()
  // 0, 40 ms, early, 3 s.
  expect(delays.counts).toEqual([2, 1, 0, 1])
  expect(delays.sum).toBeCloseTo(3.04)
})
