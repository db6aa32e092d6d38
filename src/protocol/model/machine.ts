/**
 * A step machine for streams: no clock, no promise, no network. The same inputs always give the same outputs,
 * so it can be fed byte by byte in a test. `end()` is called once when the input is over.
 */
export interface Machine<In, Out> {
  push(input: In): Out[]
  end(): Out[]
}

/** One server-sent event as the framing layer saw it. */
export interface Frame {
  /** The `event:` field; absent when the wire had none. */
  event?: string
  /** The `data:` lines joined by newlines. */
  data: string
}
