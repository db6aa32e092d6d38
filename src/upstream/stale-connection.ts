/**
 * A kept connection may have been closed by the upstream just when it is used again: the request is then lost without
 * anybody having read it (promise A13). The runtime reports the same reset when an upstream read the request and died
 * over it, and that one must not be sent twice (promise B15). Time tells them apart: a reset that comes sooner than
 * half the time of the fastest answer this place ever gave cannot be one over a request that was worked on.
 */
const MAXIMUM_PLACES = 1_000
/** Below this, the time of an answer and that of a reset are too close together to tell anything. */
const SHORTEST_TELLING_MILLISECONDS = 10

const resets = new Set(['ECONNRESET', 'EPIPE', 'ConnectionClosed'])
const fastestAnswers = new Map<string, number>()

/** An answer to this place began after that time: its connection may be kept and used again. */
export function rememberAnswer(place: string, milliseconds: number): void {
  const known = fastestAnswers.get(place)
  if (known !== undefined && known <= milliseconds) return
  if (known === undefined && fastestAnswers.size >= MAXIMUM_PLACES) fastestAnswers.clear()
  fastestAnswers.set(place, milliseconds)
}

/** Whether a failure after that time says that a kept connection was dead: nothing was done with the request. */
export function wasStale(place: string, code: string, milliseconds: number): boolean {
  const fastest = fastestAnswers.get(place)
  return (
    fastest !== undefined &&
    fastest >= SHORTEST_TELLING_MILLISECONDS &&
    milliseconds < fastest / 2 &&
    resets.has(code)
  )
}
