import { bytesOfBase64 } from './base64.ts'
import type { MediaBlock } from './block.ts'

/** Media types (protocol.md §2.4). Payloads stay base64 text; only their first bytes are decoded here. */

/** The type that says nothing. */
export const UNKNOWN_TYPE = 'application/octet-stream'

const aliases: ReadonlyMap<string, string> = new Map<string, string>(
  Object.entries({
    'image/jpg': 'image/jpeg',
    'image/pjpeg': 'image/jpeg',
    'image/x-png': 'image/png',
    'audio/mp3': 'audio/mpeg',
    'audio/x-wav': 'audio/wav',
    'audio/wave': 'audio/wav',
    'audio/x-m4a': 'audio/mp4',
    'application/x-pdf': 'application/pdf',
  }),
)

/** Lower case, aliases resolved, parameters kept (`audio/L16; rate=24000` → `audio/l16;rate=24000`). */
export function normaliseMediaType(mediaType: string): string {
  if (!mediaType.includes(';')) {
    const bare = mediaType.trim().toLowerCase()
    return aliases.get(bare) ?? bare
  }
  const [essence = '', ...parameters] = mediaType.split(';').map((piece) => piece.trim())
  const name = essence.toLowerCase()
  return [aliases.get(name) ?? name, ...parameters.filter((piece) => piece !== '')].join(';')
}

/** The normalised type without parameters: what tables of types know (`image/JPG; name=x` → `image/jpeg`). */
export function plainMediaType(mediaType: string): string {
  const name = normaliseMediaType(mediaType)
  const end = name.indexOf(';')
  return end < 0 ? name : name.slice(0, end)
}

/** Which kind of block holds content of this type: what is not image, audio or video is a document. */
export function mediaKind(mediaType: string): MediaBlock['kind'] {
  const family = mediaType.slice(0, mediaType.indexOf('/')).toLowerCase()
  return family === 'image' || family === 'audio' || family === 'video' ? family : 'document'
}

/** Whether the bytes are text that can be read to a model: `text/*`, JSON, XML and YAML of any name. */
export function isTextType(mediaType: string): boolean {
  return /^text\/|[/+.-](nd)?json|[/+.-](xml|ya?ml)\b/i.test(mediaType)
}

/** The declared type, or what the first bytes say when the declaration is missing or says nothing. */
export function resolveMediaType(declared: string | undefined, base64: string): string {
  const name = declared === undefined ? '' : normaliseMediaType(declared)
  if (name.includes('/') && !name.startsWith(UNKNOWN_TYPE) && !name.endsWith('/*')) return name
  return sniffMediaType(base64) ?? UNKNOWN_TYPE
}

interface Signature {
  mediaType: string
  /** Bytes at `offset`; a container's brand follows at `brand.offset`. */
  offset?: number
  bytes: string
  brand?: { offset: number; bytes: string }
}

/** Magic bytes as latin-1 text. Order matters where one signature is part of another. */
const signatures: readonly Signature[] = [
  { mediaType: 'image/png', bytes: '\x89PNG\r\n\x1a\n' },
  { mediaType: 'image/jpeg', bytes: '\xff\xd8\xff' },
  { mediaType: 'image/gif', bytes: 'GIF8' },
  { mediaType: 'image/webp', bytes: 'RIFF', brand: { offset: 8, bytes: 'WEBP' } },
  { mediaType: 'audio/wav', bytes: 'RIFF', brand: { offset: 8, bytes: 'WAVE' } },
  { mediaType: 'video/x-msvideo', bytes: 'RIFF', brand: { offset: 8, bytes: 'AVI ' } },
  { mediaType: 'image/bmp', bytes: 'BM' },
  { mediaType: 'image/tiff', bytes: 'II*\0' },
  { mediaType: 'image/tiff', bytes: 'MM\0*' },
  { mediaType: 'image/avif', offset: 4, bytes: 'ftypavif' },
  { mediaType: 'image/heic', offset: 4, bytes: 'ftypheic' },
  { mediaType: 'image/heif', offset: 4, bytes: 'ftypmif1' },
  { mediaType: 'audio/mp4', offset: 4, bytes: 'ftypM4A' },
  { mediaType: 'video/quicktime', offset: 4, bytes: 'ftypqt' },
  { mediaType: 'video/mp4', offset: 4, bytes: 'ftyp' },
  { mediaType: 'video/webm', bytes: '\x1a\x45\xdf\xa3' },
  { mediaType: 'application/pdf', bytes: '%PDF-' },
  { mediaType: 'audio/mpeg', bytes: 'ID3' },
  { mediaType: 'audio/mpeg', bytes: '\xff\xfb' },
  { mediaType: 'audio/mpeg', bytes: '\xff\xf3' },
  { mediaType: 'audio/flac', bytes: 'fLaC' },
  { mediaType: 'audio/ogg', bytes: 'OggS' },
  { mediaType: 'application/zip', bytes: 'PK\x03\x04' },
]

/** Characters that hold every signature, also when lines are broken early. */
const HEAD = 64

/** The media type the first bytes of base64 content show; undefined when they show none we know. */
export function sniffMediaType(base64: string): string | undefined {
  const head = bytesOfBase64(base64.slice(0, HEAD))
  if (head === undefined) return undefined
  const bytes = String.fromCharCode(...head)
  const stands = (text: string, offset: number) => bytes.startsWith(text, offset)
  return signatures.find(
    ({ bytes: magic, offset = 0, brand }) =>
      stands(magic, offset) && (!brand || stands(brand.bytes, brand.offset)),
  )?.mediaType
}

const byExtension: ReadonlyMap<string, string> = new Map<string, string>(
  Object.entries({
    png: 'image/png',
    jpg: 'image/jpeg',
    jpeg: 'image/jpeg',
    gif: 'image/gif',
    webp: 'image/webp',
    heic: 'image/heic',
    heif: 'image/heif',
    avif: 'image/avif',
    bmp: 'image/bmp',
    pdf: 'application/pdf',
    txt: 'text/plain',
    md: 'text/markdown',
    csv: 'text/csv',
    html: 'text/html',
    xml: 'text/xml',
    json: 'application/json',
    mp3: 'audio/mpeg',
    wav: 'audio/wav',
    flac: 'audio/flac',
    ogg: 'audio/ogg',
    aac: 'audio/aac',
    m4a: 'audio/mp4',
    mp4: 'video/mp4',
    mov: 'video/quicktime',
    webm: 'video/webm',
    mpeg: 'video/mpeg',
    mpg: 'video/mpeg',
    avi: 'video/x-msvideo',
    wmv: 'video/x-ms-wmv',
    '3gp': 'video/3gpp',
  }),
)

/** The media type a URL's or a file's extension suggests. */
export function mediaTypeOfName(name: string): string | undefined {
  const path = name.replace(/[?#].*$/s, '')
  const extension = /\.([a-z0-9]{2,5})$/i.exec(path)?.[1]
  return extension === undefined ? undefined : byExtension.get(extension.toLowerCase())
}
