/** Where a trace comes from, in the words of W3C Trace Context. Ids are lower-case hexadecimal digits. */
export interface TraceContext {
  traceId: string
  /** The span that caused what follows. */
  spanId: string
  isSampled: boolean
  /** What other vendors want carried along; as it came. */
  state: string | undefined
}

const SAMPLED = 1
const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
/** The one version that exists ends here; later ones may go on. */
const FIRST_VERSION = '00'
const NO_VERSION = 'ff'
const nothing = /^0+$/

const MAXIMUM_STATE_CHARACTERS = 512
const MAXIMUM_STATE_MEMBERS = 32
/** A key, or a tenant's key at a vendor; a value of printable characters without comma and equals sign. */
const member =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** What a caller says of its trace; undefined when it says nothing, or nothing that holds. */
export function readTraceContext(headers: Headers): TraceContext | undefined {
  const parent = headers.get('traceparent')
  if (parent === null) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = form.exec(parent) ?? []
  if (version === undefined || version === NO_VERSION) return undefined
  if (version === FIRST_VERSION && more !== undefined) return undefined
  if (nothing.test(traceId) || nothing.test(spanId)) return undefined
  const isSampled = (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED
  return { traceId, spanId, isSampled, state: readState(headers.get('tracestate')) }
}

/** A list with anything wrong in it is left out as a whole. */
function readState(text: string | null): string | undefined {
  if (text === null || text === '' || text.length > MAXIMUM_STATE_CHARACTERS) return undefined
  const members = text.split(',').flatMap((piece) => piece.trim() || [])
  if (members.length === 0 || members.length > MAXIMUM_STATE_MEMBERS) return undefined
  const keys = new Set(members.map((piece) => piece.slice(0, piece.indexOf('='))))
  return keys.size === members.length && members.every((piece) => member.test(piece)) ? text : undefined
}

/** The headers by which the next service knows what caused its work. */
export function writeTraceContext(context: TraceContext): Record<string, string> {
  const { traceId, spanId, isSampled, state } = context
  const traceparent = `${FIRST_VERSION}-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
  return state === undefined ? { traceparent } : { traceparent, tracestate: state }
}
