import { Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { GatewayError } from '../protocol/model/error.ts'
import type { ByteSource } from './source.ts'

/**
 * Answers are asked for uncompressed; some servers compress all the same. One layer is undone, piece by piece, and
 * only as long as it does not look like a bomb (promise A10).
 */
const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip({ chunkSize: CHUNK_BYTES }),
  'x-gzip': () => createGunzip({ chunkSize: CHUNK_BYTES }),
  deflate: () => createInflate({ chunkSize: CHUNK_BYTES }),
  br: () => createBrotliDecompress({ chunkSize: CHUNK_BYTES }),
  zstd: () => createZstdDecompress({ chunkSize: CHUNK_BYTES }),
}

const CHUNK_BYTES = 64 * 1024
/** Real JSON and event streams stay far below this ratio; small ones may exceed it without harm. */
const MAXIMUM_RATIO = 100
const HARMLESS_BYTES = 8 * 1024 * 1024

export function decodedSource(source: ByteSource, header: string | null): ByteSource {
  const encoding = header?.trim().toLowerCase() ?? ''
  if (encoding === '' || encoding === 'identity') return source
  const decoder = decoders[encoding]
  if (decoder) return new DecodedSource(source, decoder())
  source.cancel()
  throw new GatewayError(
    'upstream_invalid',
    `The upstream answered with content-encoding ${encoding.slice(0, 60)}, which is not read`,
  )
}

class DecodedSource implements ByteSource {
  readonly #source: ByteSource
  readonly #transform: Transform
  readonly #output: AsyncIterator<Uint8Array>
  #bytesIn = 0
  #bytesOut = 0

  constructor(source: ByteSource, transform: Transform) {
    this.#source = source
    this.#transform = transform
    const input = Readable.from(this.#input())
    input.on('error', (error) => transform.destroy(error))
    this.#output = (input.pipe(transform) as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      const { value, done } = await this.#output.next()
      if (done) return undefined
      this.#bytesOut += value.length
      if (this.#bytesOut > HARMLESS_BYTES && this.#bytesOut > this.#bytesIn * MAXIMUM_RATIO)
        throw new GatewayError(
          'upstream_invalid',
          'The upstream sent a compressed answer that inflates beyond reason',
        )
      return value
    } catch (thrown) {
      this.cancel()
      if (thrown instanceof GatewayError) throw thrown
      throw new GatewayError(
        'upstream_invalid',
        'The upstream sent a compressed answer that cannot be read',
        { cause: thrown },
      )
    }
  }

  cancel(): void {
    this.#source.cancel()
    this.#transform.destroy()
  }

  async *#input(): AsyncGenerator<Uint8Array> {
    for (let bytes = await this.#source.read(); bytes !== undefined; bytes = await this.#source.read()) {
      this.#bytesIn += bytes.length
      yield bytes
    }
  }
}
