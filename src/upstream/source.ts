import { GatewayError } from '../protocol/model/error.ts'

/** A body being read: pull, or leave. */
export interface ByteSource {
  /** The next bytes, undefined at the end. Throws a `GatewayError` when the connection breaks or a clock runs out. */
  read(): Promise<Uint8Array | undefined>
  /** Closes the connection. Safe to call at any time, any number of times. */
  cancel(): void
}

/** Reads a body to its end, but never more than `maximum` bytes. */
export async function readAll(source: ByteSource, maximum: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  for (;;) {
    const bytes = await source.read()
    if (bytes === undefined) return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
    length += bytes.length
    if (length > maximum) {
      source.cancel()
      throw new GatewayError('upstream_invalid', `The upstream answered with more than ${maximum} bytes`)
    }
    pieces.push(bytes)
  }
}
