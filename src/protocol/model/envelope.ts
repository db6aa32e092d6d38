import type { DialectName, Opaque } from './origin.ts'

/**
 * A foreign opaque value on its way through a client: `xjp1.<dialect>.<kind>.<maker>.<value>`, maker and value
 * percent-encoded. It rides in whichever field the client's dialect echoes and is unwrapped when it returns.
 * Values that come without an envelope are native to the dialect whose field held them.
 */
const PREFIX = 'xjp1.'

/** Half a character, which no maker sends, cannot be encoded and is replaced. */
function encoded(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd')).replaceAll('.', '%2E')
}

/** The value for a field of `dialect`: bare when it is native there, in an envelope when it is foreign. */
export function wrapOpaque(opaque: Opaque, dialect: DialectName, kind: Opaque['kind']): string {
  if (opaque.dialect === dialect && opaque.kind === kind) return opaque.value
  return `${PREFIX}${opaque.dialect}.${opaque.kind}.${encoded(opaque.maker ?? '')}.${encoded(opaque.value)}`
}

/** Stands where a dialect demands a signature and there is none: never sent to any upstream. */
export const EMPTY_ENVELOPE = `${PREFIX}none`

/** Reads a field of `dialect`; undefined for the empty envelope and for a broken one. */
export function unwrapOpaque(value: string, dialect: DialectName, kind: Opaque['kind']): Opaque | undefined {
  if (!value.startsWith(PREFIX)) return value === '' ? undefined : { dialect, kind, value }
  const parts = value.slice(PREFIX.length).split('.')
  if (parts.length !== 4) return undefined
  const [origin, originKind, maker, blob] = parts as [string, string, string, string]
  try {
    const opaque: Opaque = {
      dialect: origin as DialectName,
      kind: originKind as Opaque['kind'],
      value: decodeURIComponent(blob),
    }
    const madeBy = decodeURIComponent(maker)
    return madeBy === '' ? opaque : { ...opaque, maker: madeBy }
  } catch {
    return undefined
  }
}

/** Whether a target may see this value: only its own dialect, and only its maker where the maker is known. */
export function isSendable(opaque: Opaque, dialect: DialectName, maker: string): boolean {
  return opaque.dialect === dialect && (opaque.maker === undefined || opaque.maker === maker)
}
