/**
 * Milliseconds that passed here, by a clock that may be set: set back it stands still for a moment, and nothing that was
 * waited for takes longer than its time from there.
 */
export function risingClock(clock: () => number): () => number {
  let last = clock()
  let passed = 0
  return () => {
    const at = clock()
    if (at > last) passed += at - last
    last = at
    return passed
  }
}
