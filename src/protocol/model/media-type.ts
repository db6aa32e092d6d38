/**
 * Media types and data URLs (protocol.md §2.4), without a runtime's decoders. Payloads stay base64 text all the way;
 * only the first bytes are ever decoded here.
 */

export interface DataUrl {
  /** Normalised: `image/jpeg`, `audio/l16;rate=24000`. */
  mediaType: string
  /** Standard alphabet, padded, without whitespace. */
  data: string
}

const UNKNOWN = 'application/octet-stream'
/** RFC 2397: what a data URL without a type holds. */
const DATA_URL_DEFAULT = 'text/plain'

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
  const [essence = '', ...parameters] = mediaType.split(';').map((piece) => piece.trim())
  const name = essence.toLowerCase()
  return [aliases.get(name) ?? name, ...parameters.filter((piece) => piece !== '')].join(';')
}

/** The declared type, or what the first bytes say when the declaration is missing or says nothing. */
export function resolveMediaType(declared: string | undefined, base64: string): string {
  const name = declared === undefined ? '' : normaliseMediaType(declared)
  if (name.includes('/') && !name.startsWith(UNKNOWN) && !name.endsWith('/*')) return name
  return sniffMediaType(base64) ?? UNKNOWN
}

export function isDataUrl(url: string): boolean {
  return /^\s*data:/i.test(url.slice(0, 64))
}

/**
 * Reads `data:<type>[;parameters][;base64],<payload>`: any case, whitespace and the URL-safe alphabet in the payload,
 * percent-encoding when `;base64` is missing. Undefined when it is not a data URL or its payload is not what it says.
 */
export function parseDataUrl(url: string): DataUrl | undefined {
  const comma = url.indexOf(',')
  if (comma < 0 || !isDataUrl(url)) return undefined
  const header = url.slice(0, comma).trim().slice('data:'.length)
  const pieces = header.split(';').map((piece) => piece.trim())
  const isBase64 = pieces.some((piece) => piece.toLowerCase() === 'base64')
  const declared = pieces.filter((piece) => piece.toLowerCase() !== 'base64').join(';')
  const payload = url.slice(comma + 1)
  const data = isBase64 ? cleanBase64(unescapeBase64(payload)) : encodeBase64(percentDecode(payload))
  if (data === undefined) return undefined
  const mediaType = resolveMediaType(declared === '' ? undefined : declared, data)
  return { mediaType: mediaType === UNKNOWN && declared === '' ? DATA_URL_DEFAULT : mediaType, data }
}

function unescapeBase64(payload: string): string {
  if (!payload.includes('%')) return payload
  return payload.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

/** Standard alphabet, padded, no whitespace; undefined when it is not base64. */
export function cleanBase64(data: string): string | undefined {
  let clean = data
  if (/\s/.test(clean)) clean = clean.replace(/\s+/g, '')
  if (/[-_]/.test(clean)) clean = clean.replaceAll('-', '+').replaceAll('_', '/')
  const body = clean.replace(/={1,2}$/, '')
  if (body.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(body)) return undefined
  return body + '='.repeat((4 - (body.length % 4)) % 4)
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

/** The media type the first bytes of base64 content show; undefined when they show none we know. */
export function sniffMediaType(base64: string): string | undefined {
  const head = cleanBase64(base64.slice(0, 64).replace(/\s+/g, '').slice(0, 32))
  if (head === undefined) return undefined
  const bytes = decodeHead(head)
  const stands = (text: string, offset: number) => bytes.startsWith(text, offset)
  return signatures.find(
    ({ bytes: magic, offset = 0, brand }) =>
      stands(magic, offset) && (!brand || stands(brand.bytes, brand.offset)),
  )?.mediaType
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Base64 to latin-1 text; for the few bytes at the front. */
function decodeHead(base64: string): string {
  let bits = 0
  let held = 0
  let text = ''
  for (const character of base64.replace(/=+$/, '')) {
    held = (held << 6) | ALPHABET.indexOf(character)
    bits += 6
    if (bits < 8) continue
    bits -= 8
    text += String.fromCharCode((held >> bits) & 0xff)
    held &= (1 << bits) - 1
  }
  return text
}

/** Percent-encoded text to bytes; characters that should have been escaped count as UTF-8. */
function percentDecode(text: string): number[] {
  const escaped = text.replace(/%(?![0-9a-f]{2})/gi, '%25').replace(/[^%\x21-\x7e]/gu, (character) => {
    const lone = /^[\ud800-\udfff]$/.test(character)
    return encodeURIComponent(lone ? '\ufffd' : character)
  })
  const bytes: number[] = []
  for (let index = 0; index < escaped.length; index += 1) {
    if (escaped[index] === '%') {
      bytes.push(Number.parseInt(escaped.slice(index + 1, index + 3), 16))
      index += 2
    } else bytes.push(escaped.charCodeAt(index))
  }
  return bytes
}

/** Bytes as standard, padded base64. */
function encodeBase64(bytes: readonly number[]): string {
  let text = ''
  for (let index = 0; index < bytes.length; index += 3) {
    const [first = 0, second, third] = bytes.slice(index, index + 3)
    const group = (first << 16) | ((second ?? 0) << 8) | (third ?? 0)
    text += ALPHABET.charAt(group >> 18) + ALPHABET.charAt((group >> 12) & 63)
    text += second === undefined ? '=' : ALPHABET.charAt((group >> 6) & 63)
    text += third === undefined ? '=' : ALPHABET.charAt(group & 63)
  }
  return text
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
