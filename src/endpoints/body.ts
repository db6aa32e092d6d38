import { asBuffer, scanJson } from '../pipeline/json-scan.ts'
import type { Members } from '../pipeline/member-index.ts'
import { nextTurn } from '../pipeline/turns.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../protocol/model/json.ts'
import { NotJson, parseInTurns } from './parse-in-turns.ts'

export interface ReadBody {
  bytes: Uint8Array
  members: Members
  json: JsonObject
}

/** How much of a body a client has to send in one stretch of its patience; see `ActiveCalls`. */
export const READ_BYTES = 256 * 1024

/** What a body over the limit is answered with. */
export function tooLarge(limit: number): GatewayError {
  return new GatewayError(
    'too_large',
    `The request body is larger than ${limit} bytes (limits.max_body_bytes)`,
    {
      code: 'request_too_large',
    },
  )
}

/** Refuses a wrong content type or a declared size over the limit, before anything is read. */
export function checkHead(
  headers: Headers,
  limits: { maxBodyBytes: number; contentTypes: readonly string[] },
): void {
  const type = headers.get('content-type')?.split(/[;,]/, 1)[0]?.trim().toLowerCase()
  if (type === undefined || !limits.contentTypes.includes(type))
    throw new GatewayError(
      'unsupported_media_type',
      `content-type: expected ${limits.contentTypes.join(' or ')}, got ${type ?? 'none'}`,
      { param: 'content-type' },
    )
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity')
    throw new GatewayError(
      'unsupported_media_type',
      `content-encoding: compressed bodies (${encoding}) are not taken; send the JSON as it is`,
      {
        param: 'content-encoding',
      },
    )
  if (Number(headers.get('content-length') ?? 0) > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes)
}

/**
 * Reads a body of at most `limit` bytes; a longer one is refused as soon as that is known. Of one that takes its time
 * `onProgress` tells whenever `READ_BYTES` of it have come.
 */
export function readBytes(
  request: Request,
  limit: number,
  onProgress: () => void = () => {},
): Promise<Uint8Array> {
  // A declared length was looked at already.
  const declared = Number(request.headers.get('content-length') ?? Number.POSITIVE_INFINITY)
  const bytes = declared <= READ_BYTES ? request.bytes() : gathered(request, limit, onProgress)
  return bytes.catch(broken)
}

function broken(thrown: unknown): never {
  if (thrown instanceof GatewayError) throw thrown
  throw new GatewayError(
    'client_closed',
    'The client closed the connection before its request was complete',
    {
      cause: thrown,
    },
  )
}

async function gathered(request: Request, limit: number, onProgress: () => void): Promise<Uint8Array> {
  if (!request.body) return new Uint8Array(0)
  const pieces: Uint8Array[] = []
  let length = 0
  let told = 0
  for await (const piece of request.body) {
    length += piece.length
    if (length > limit) throw tooLarge(limit)
    pieces.push(piece)
    if (length - told < READ_BYTES) continue
    told = length
    onProgress()
  }
  return Buffer.concat(pieces)
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** Bytes to a JSON object, with the places of its members. Shape limits are checked before parsing. */
export function parseBody(given: Uint8Array): ReadBody {
  const { bytes, members } = scanned(given)
  let text: string
  try {
    text = strictUtf8.decode(bytes)
  } catch {
    throw notUtf8()
  }
  const json = parseJson(text)
  if (json === undefined)
    throw new GatewayError('invalid_request', syntaxMessage(text), { code: 'invalid_json' })
  return { bytes, members, json: objectOf(json) }
}

/** The same for large bodies: others get their turn meanwhile, and before what is done with it. */
export async function parseLargeBody(given: Uint8Array): Promise<ReadBody> {
  const { bytes, members } = scanned(given)
  await nextTurn()
  try {
    return { bytes, members, json: objectOf(await parseInTurns(bytes)) }
  } catch (thrown) {
    if (!(thrown instanceof NotJson)) throw thrown
    if (thrown.isText) throw new GatewayError('invalid_request', NOT_JSON, { code: 'invalid_json' })
    throw notUtf8()
  } finally {
    await nextTurn()
  }
}

function scanned(given: Uint8Array): { bytes: Buffer; members: Members } {
  const bytes = asBuffer(given)
  if (bytes.length === 0)
    throw new GatewayError('invalid_request', 'The request body is empty: expected a JSON object')
  return { bytes, members: scanJson(bytes) }
}

function objectOf(json: Json): JsonObject {
  if (!isObject(json)) throw new GatewayError('invalid_request', 'The request body is not a JSON object')
  return json
}

function notUtf8(): GatewayError {
  return new GatewayError('invalid_request', 'The request body is not valid UTF-8')
}

const NOT_JSON = 'The request body is not valid JSON'

/** What the parser says, without the body's content. */
function syntaxMessage(text: string): string {
  try {
    JSON.parse(text)
    return NOT_JSON
  } catch (thrown) {
    const said = thrown instanceof Error ? thrown.message.replace(/^JSON Parse error: /, '') : ''
    const reason = said.replace(/ "[\s\S]*/, '')
    return `The request body is not valid JSON: ${reason.slice(0, 120)}`
  }
}
