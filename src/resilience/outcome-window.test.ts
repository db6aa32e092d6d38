import { describe, expect, test } from 'bun:test'
import { OutcomeWindow, SLICES } from './outcome-window.ts'

describe('a window of a second', () => {
  const counts = (window: OutcomeWindow): [number, number] => [window.attempts, window.failures]

  test('a slice counts until it is as old as the window', () => {
    const window = new OutcomeWindow(1_000)
    window.failure(50)
    window.success(150)
    window.success(1_049 - 50)
    expect(counts(window)).toEqual([3, 1])
    window.success(1_000)
    expect(counts(window)).toEqual([3, 0])
    window.success(10_000)
    expect(counts(window)).toEqual([1, 0])
  })

  test('a success that failed after all counts once, as a failure of now', () => {
    const window = new OutcomeWindow(1_000)
    const slice = window.success(0)
    window.successFailed(slice, 900)
    expect(counts(window)).toEqual([1, 1])
    window.success(1_500)
    expect(counts(window)).toEqual([2, 1])
  })

  test('one that has left the window takes nothing of another with it', () => {
    for (const slices of [SLICES, SLICES + 1, 5 * SLICES]) {
      const window = new OutcomeWindow(1_000)
      const slice = window.success(0)
      window.success(slices * 100)
      window.successFailed(slice, slices * 100)
      expect(counts(window)).toEqual([2, 1])
    }
  })

  test('cleared, nothing counts', () => {
    const window = new OutcomeWindow(1_000)
    window.failure(0)
    window.clear()
    expect(counts(window)).toEqual([0, 0])
  })
})
