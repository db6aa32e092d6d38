import { GatewayError, invalid } from '../protocol/model/error.ts'

/** Bases come from configuration, so there are few of them. */
const parsedBases = new Map<string, URL>()

function parsedBase(base: string): URL {
  let parsed = parsedBases.get(base)
  if (parsed) return parsed
  parsed = parseBase(base)
  if (parsedBases.size > 1_000) parsedBases.clear()
  parsedBases.set(base, parsed)
  return parsed
}

function parseBase(base: string): URL {
  const url = URL.canParse(base) ? new URL(base) : undefined
  const plain = url && !url.username && !url.password && !url.search && !url.hash
  if (url && plain && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  throw new GatewayError(
    'internal',
    'base_url: expected an absolute http or https address without credentials, query and fragment; correct it in the configuration',
    { param: 'base_url' },
  )
}

/**
 * `base` + `path` as an absolute URL. The last guard of promise J11: whatever `path` was built from, the result
 * has the base's scheme, host and port, and its path begins with the base's.
 */
export function join(base: string, path: string): string {
  const root = parsedBase(base)
  const url = new URL(trimSlash(root.href) + path)
  const prefix = trimSlash(root.pathname)
  if (url.origin === root.origin && url.pathname.startsWith(`${prefix}/`) && url.hash === '') return url.href
  throw invalid('model', 'expected a name that fits into the upstream’s address; use the model’s plain name')
}

export function trimSlash(text: string): string {
  return text.endsWith('/') ? trimSlash(text.slice(0, -1)) : text
}

/** `base` without the first of `suffixes` it ends with: SDKs differ in how much of the path is the base. */
export function withoutSuffix(base: string, suffixes: readonly string[]): string {
  const trimmed = trimSlash(base)
  const suffix = suffixes.find((candidate) => trimmed.endsWith(candidate))
  return suffix === undefined ? trimmed : trimmed.slice(0, -suffix.length)
}

/** `base`, with `path` where it names a server only. */
export function withDefaultPath(base: string, path: string): string {
  return parsedBase(base).pathname === '/' ? trimSlash(base) + path : trimSlash(base)
}

const plainName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/

/**
 * A name that stands in a path exactly as it is: letters, digits, `.`, `_`, `-`, no `..`. For resource names
 * whose vendors allow nothing else; throws an `invalid_request` that names `field`.
 */
export function plainSegment(value: string, field: string): string {
  if (plainName.test(value) && !value.includes('..') && value.length <= 256) return value
  throw invalid(
    field,
    'expected letters, digits, ".", "_" and "-" only, because it becomes part of an address',
  )
}

/** Any name as one path segment, percent-encoded; refuses what an encoded segment cannot hold safely. */
export function encodedSegment(value: string, field: string): string {
  const dots = value === '.' || /(^|[/\\])\.\.($|[/\\])/.test(value)
  if (value !== '' && !dots && !hasControl(value) && !loneSurrogate.test(value) && value.length <= 1_024)
    return encodeURIComponent(value)
  throw invalid(field, 'expected a name without control characters and ".." steps')
}

/** Half a character cannot be encoded. */
const loneSurrogate = /\p{Surrogate}/u

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}
