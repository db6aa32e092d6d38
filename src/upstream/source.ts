import { GatewayError } from '../protocol/model/error.ts'

/** A body being read: pull, or leave. */
export interface ByteSource {
  /** The next bytes, undefined at the end. Throws a `GatewayError` when the connection breaks or a clock runs out. */
  read(): Promise<Uint8Array | undefined>
  /** What is left of the body, where its end has come already; undefined where it has to be waited for. */
  rest?(): Uint8Array | undefined
  /** Closes the connection. Safe to call at any time, any number of times. */
  cancel(): void
}

/** The body where it has come whole already, as short answers do; undefined where it has to be waited for. */
export function readNow(source: ByteSource, maximum: number): Uint8Array | undefined {
  const bytes = source.rest?.()
  if (bytes !== undefined && bytes.length > maximum) throw tooLong(source, maximum)
  return bytes
}

/** Reads a body to its end, but never more than `maximum` bytes. */
export async function readAll(source: ByteSource, maximum: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  for (;;) {
    const bytes = await source.read()
    if (bytes === undefined) return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
    length += bytes.length
    if (length > maximum) throw tooLong(source, maximum)
    pieces.push(bytes)
  }
}

function tooLong(source: ByteSource, maximum: number): GatewayError {
  source.cancel()
  return new GatewayError('upstream_invalid', `The upstream answered with more than ${maximum} bytes`)
}

/** The same body; `listener` hears every piece of it. */
export function heard(source: ByteSource, listener: (bytes: Uint8Array) => void): ByteSource {
  const hear = (bytes: Uint8Array | undefined): Uint8Array | undefined => {
    if (bytes !== undefined && bytes.length > 0) listener(bytes)
    return bytes
  }
  return {
    read: async () => hear(await source.read()),
    rest: () => hear(source.rest?.()),
    cancel: () => source.cancel(),
  }
}
