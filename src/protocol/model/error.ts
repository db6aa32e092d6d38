import type { DialectName } from './origin.ts'

/**
 * Every error a client can meet. `status` is ours when the error is ours; `retry`: another attempt or another
 * route may succeed; `counts`: it is held against the route (circuit breaker), because the upstream is at fault.
 */
export const errorKinds = {
  invalid_request: { status: 400, retry: false, counts: false },
  context_too_long: { status: 400, retry: false, counts: false },
  unsupported: { status: 400, retry: false, counts: false },
  unauthenticated: { status: 401, retry: false, counts: false },
  payment_required: { status: 402, retry: false, counts: false },
  forbidden: { status: 403, retry: false, counts: false },
  not_found: { status: 404, retry: false, counts: false },
  model_not_found: { status: 404, retry: false, counts: false },
  method_not_allowed: { status: 405, retry: false, counts: false },
  conflict: { status: 409, retry: false, counts: false },
  too_large: { status: 413, retry: false, counts: false },
  unsupported_media_type: { status: 415, retry: false, counts: false },
  unprocessable: { status: 422, retry: false, counts: false },
  rate_limited: { status: 429, retry: true, counts: false },
  quota_exhausted: { status: 429, retry: false, counts: false },
  client_closed: { status: 499, retry: false, counts: false },
  internal: { status: 500, retry: false, counts: false },
  /** The upstream answered with something that is not its protocol, or broke off. */
  upstream_invalid: { status: 502, retry: true, counts: true },
  /** The upstream said that it failed (5xx), or could not be reached. */
  upstream_failed: { status: 502, retry: true, counts: true },
  /** The upstream refused our own credentials: never a 401 to the client. */
  upstream_unauthenticated: { status: 502, retry: true, counts: false },
  overloaded: { status: 503, retry: true, counts: true },
  unavailable: { status: 503, retry: false, counts: false },
  timeout: { status: 504, retry: true, counts: true },
} as const satisfies Record<string, { status: number; retry: boolean; counts: boolean }>

export type ErrorKind = keyof typeof errorKinds

export interface ErrorDetails {
  /** HTTP status for the client when it differs from the kind's own (an upstream's 402, 529 …). */
  status?: number
  /** Path of the offending field, in the client's spelling: `messages[3].content[0].type`. */
  param?: string
  /** Stable machine-readable code; by default the kind. */
  code?: string
  retryAfterSeconds?: number
  /** The same request can never succeed, however long one waits. */
  final?: boolean
  /** It says nothing about the upstream: a client or our own queue brought it about. Held against no route. */
  blameless?: true
  /** What the upstream said, kept so that a client of the same dialect gets it unmodified. */
  upstream?: { dialect: DialectName; status: number; body: string }
  /** The message where it repeats a piece of an answer, without it: for the log. */
  withoutContent?: string
  /** For the log only: never shown to a client. */
  cause?: unknown
}

export class GatewayError extends Error {
  readonly kind: ErrorKind
  readonly details: ErrorDetails

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message)
    this.name = 'GatewayError'
    this.kind = kind
    this.details = details
  }

  /** The HTTP status a client sees. */
  get status(): number {
    return this.details.status ?? errorKinds[this.kind].status
  }

  get retryable(): boolean {
    return errorKinds[this.kind].retry
  }
}

/** Whether an upstream is at fault: only that is held against its route (promise B12). */
export function isUpstreamFault({ kind, details }: Pick<GatewayError, 'kind' | 'details'>): boolean {
  return errorKinds[kind].counts && details.blameless !== true
}

/** An `invalid_request` that names the field and what was expected there. */
export function invalid(path: string, message: string): GatewayError {
  return new GatewayError('invalid_request', `${path}: ${message}`, { param: path })
}

/** The kind for an HTTP status that came from an upstream, where the body says nothing better. */
export function kindOfUpstreamStatus(status: number): ErrorKind {
  const exact: Record<number, ErrorKind> = {
    400: 'invalid_request',
    401: 'upstream_unauthenticated',
    402: 'payment_required',
    403: 'forbidden',
    404: 'not_found',
    405: 'upstream_failed',
    408: 'timeout',
    409: 'conflict',
    413: 'too_large',
    415: 'invalid_request',
    422: 'invalid_request',
    429: 'rate_limited',
    499: 'upstream_failed',
    503: 'overloaded',
    504: 'timeout',
    524: 'timeout',
    529: 'overloaded',
  }
  if (status < 400) return 'upstream_invalid'
  return exact[status] ?? (status >= 500 ? 'upstream_failed' : 'invalid_request')
}
