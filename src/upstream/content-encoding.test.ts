import { afterAll, describe, expect, test } from 'bun:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { GatewayError } from '../protocol/model/error.ts'
import { decodedSource } from './content-encoding.ts'
import { type ByteSource, readAll } from './source.ts'
import { strayErrors } from './testing.ts'

const stray = strayErrors()

/** Pieces in memory, each given in a turn of its own. */
class Pieces implements ByteSource {
  cancelled = 0
  reads = 0
  readonly #pieces: Iterator<Uint8Array>

  constructor(pieces: Iterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.iterator]()
  }

  async read(): Promise<Uint8Array | undefined> {
    this.reads += 1
    await new Promise((resolve) => setImmediate(resolve))
    if (this.cancelled > 0) return undefined
    const { value, done } = this.#pieces.next()
    return done ? undefined : value
  }

  cancel(): void {
    this.cancelled += 1
  }
}

const compressors: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  gzip: (bytes) => gzipSync(bytes),
  'x-gzip': (bytes) => gzipSync(bytes),
  deflate: (bytes) => deflateSync(bytes),
  br: (bytes) => brotliCompressSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
}

const text = 'data: {"text":"北京 👩‍👩‍👧 é"}\n\n'.repeat(6)

describe('one layer is undone wherever the bytes are cut', () => {
  for (const [name, compress] of Object.entries(compressors))
    test(name, async () => {
      const packed = compress(Buffer.from(text))
      let cuts = 0
      for (let cut = 1; cut < packed.length; cut += 1) {
        const source = decodedSource(new Pieces([packed.subarray(0, cut), packed.subarray(cut)]), name)
        expect(Buffer.from(await readAll(source, 1_000_000)).toString()).toBe(text)
        cuts += 1
      }
      const bytes = Array.from(packed, (byte) => Uint8Array.of(byte))
      const source = decodedSource(new Pieces(bytes), ` ${name.toUpperCase()} `)
      expect(Buffer.from(await readAll(source, 1_000_000)).toString()).toBe(text)
      console.info(`A4 ${name}: n=${cuts} cuts and one feed of single bytes`)
    })

  for (const header of [null, '', 'identity'])
    test(`${JSON.stringify(header)}: the very same source`, () => {
      const source = new Pieces([])
      expect(decodedSource(source, header)).toBe(source)
    })
})

describe('promise A10: what would exhaust memory is refused', () => {
  const size = 64 * 1_048_576
  const bombs: Readonly<Record<string, () => Uint8Array>> = {
    gzip: () => gzipSync(Buffer.alloc(size)),
    br: () => brotliCompressSync(Buffer.alloc(size)),
    zstd: () => zstdCompressSync(Buffer.alloc(size)),
  }
  for (const [name, build] of Object.entries(bombs))
    test(`a bomb in ${name}`, async () => {
      const packed = build()
      Bun.gc(true)
      const before = process.memoryUsage().rss
      const pieces = new Pieces([packed])
      const source = decodedSource(pieces, name)
      let read = 0
      let refused: unknown
      let peak = 0
      try {
        for (let bytes = await source.read(); bytes !== undefined; bytes = await source.read()) {
          read += bytes.length
          peak = Math.max(peak, process.memoryUsage().rss - before)
        }
      } catch (thrown) {
        refused = thrown
      }
      console.info(
        `A10 ${name}: ratio ${Math.round(size / packed.length)}:1, refused after ${(read / 1_048_576).toFixed(1)} MB, +${(peak / 1_048_576).toFixed(1)} MB`,
      )
      expect(refused).toBeInstanceOf(GatewayError)
      expect((refused as GatewayError).kind).toBe('upstream_invalid')
      expect(read).toBeLessThan(16 * 1_048_576)
      expect(peak).toBeLessThan(32 * 1_048_576)
      expect(pieces.cancelled).toBeGreaterThan(0)
    })

  for (const header of [
    'gzip, gzip',
    Array.from({ length: 50 }, () => 'gzip').join(', '),
    'compress',
    'x'.repeat(9_000),
  ])
    test(`content-encoding ${header.slice(0, 20)} is refused before anything is read`, () => {
      const source = new Pieces([])
      expect(() => decodedSource(source, header)).toThrow('which is not read')
      expect([source.reads, source.cancelled]).toEqual([0, 1])
    })

  test('much text that packs well is no bomb while it is small', async () => {
    const plain = Buffer.alloc(6 * 1_048_576, 'a')
    const source = decodedSource(new Pieces([gzipSync(plain)]), 'gzip')
    expect((await readAll(source, plain.length)).length).toBe(plain.length)
  })
})

describe('what cannot be read', () => {
  const packed = gzipSync(Buffer.from(text))
  const cases: [string, Uint8Array[]][] = [
    ['not compressed at all', [Buffer.from(text)]],
    ['cut in the middle', [packed.subarray(0, packed.length - 12)]],
    ['a damaged byte', [packed.subarray(0, 20), Uint8Array.of(255, 0, 255), packed.subarray(23)]],
  ]
  for (const [name, pieces] of cases)
    test(name, async () => {
      const source = new Pieces(pieces)
      const thrown = await readAll(decodedSource(source, 'gzip'), 1_000_000).catch((error: unknown) => error)
      expect(thrown).toBeInstanceOf(GatewayError)
      expect((thrown as GatewayError).kind).toBe('upstream_invalid')
      expect(source.cancelled).toBeGreaterThan(0)
    })

  test('the error of the connection is kept', async () => {
    const broken: ByteSource = {
      read: () => Promise.reject(new GatewayError('timeout', 'too late', { code: 'timeout_idle' })),
      cancel() {},
    }
    await expect(decodedSource(broken, 'gzip').read()).rejects.toThrow('too late')
  })

  test('a piece is given as soon as it can be: a stream inside compression stays a stream', async () => {
    const { createGzip, constants } = await import('node:zlib')
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH })
    const packedPieces: Buffer[] = []
    gzip.on('data', (piece: Buffer) => packedPieces.push(piece))
    await new Promise<void>((resolve) => gzip.write('data: 1\n\n', () => resolve()))
    let ask = (): void => {}
    const source: ByteSource = {
      read: () => {
        const next = packedPieces.shift()
        if (next) return Promise.resolve(next)
        return new Promise((resolve) => {
          ask = () => resolve(undefined)
        })
      },
      cancel: () => ask(),
    }
    const decoded = decodedSource(source, 'gzip')
    expect(Buffer.from((await decoded.read()) ?? []).toString()).toBe('data: 1\n\n')
    decoded.cancel()
    decoded.cancel()
  })
})

afterAll(() => {
  expect(stray).toEqual([])
})
