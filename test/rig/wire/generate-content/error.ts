import type { Failure } from '../../scene/performance.ts'

/** `error.status` beside an HTTP status (protocol.md §1.4). */
const statuses: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'RESOURCE_EXHAUSTED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

/** On the Gemini API a bad key is a 400 with a reason; on Vertex a 401. */
function isBadKey(failure: Failure, vendor: string): boolean {
  return failure.status === 401 && vendor !== 'vertex'
}

export function generateStatus(failure: Failure, vendor: string): number {
  return isBadKey(failure, vendor) ? 400 : failure.status
}

export function generateError(failure: Failure, vendor: string): unknown {
  const code = generateStatus(failure, vendor)
  const details: unknown[] = []
  if (isBadKey(failure, vendor))
    details.push({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' })
  if (failure.retryAfterSeconds !== undefined)
    details.push({
      '@type': 'type.googleapis.com/google.rpc.RetryInfo',
      retryDelay: `${failure.retryAfterSeconds}s`,
    })
  const message = failure.path === undefined ? failure.message : `${failure.path}: ${failure.message}`
  return {
    error: {
      code,
      message,
      status: statuses[code] ?? (code < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL'),
      ...(details.length > 0 ? { details } : {}),
    },
  }
}

export function generateErrorEvent(failure: Failure, vendor: string): string {
  return `data: ${JSON.stringify(generateError(failure, vendor))}\n\n`
}
