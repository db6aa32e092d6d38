import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const BLOCK = 1 << 24
const line = (): Uint8Array => new Uint8Array(BLOCK).fill('a'.charCodeAt(0))

/** A gzip body that unpacks to `megabytes` of one endless line at about 1000:1: members of 16 MB, one after another. */
export function gzipBomb(megabytes: number): Uint8Array {
  const member = gzipSync(line())
  return new Uint8Array(Buffer.concat(Array.from({ length: Math.ceil(megabytes / 16) }, () => member)))
}

/** A brotli body that unpacks to `megabytes` of one endless line. */
export function brotliBomb(megabytes: number): Uint8Array {
  const content = new Uint8Array(megabytes * 1_000_000).fill('a'.charCodeAt(0))
  return new Uint8Array(brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } }))
}

/** The body compressed `depth` times, and the header that says so. */
export function nestedGzip(body: Uint8Array, depth: number): { body: Uint8Array; encoding: string } {
  let packed = body
  for (let level = 0; level < depth; level += 1) packed = new Uint8Array(gzipSync(packed))
  return { body: packed, encoding: Array.from({ length: depth }, () => 'gzip').join(', ') }
}
