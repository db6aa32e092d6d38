import type { Failure } from '../../scene/performance.ts'

/** `error.type` beside an HTTP status (protocol.md §1.3). */
const types: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

export function messagesError(failure: Failure, vendor: string): unknown {
  const message = failure.path === undefined ? failure.message : `${failure.path}: ${failure.message}`
  const type = types[failure.status] ?? 'api_error'
  if (vendor === 'clewdr') return { error: { message, type, code: failure.status } }
  return { type: 'error', error: { type, message }, request_id: 'req_rig' }
}

export function messagesErrorEvent(failure: Failure): string {
  return `event: error\ndata: ${JSON.stringify(messagesError(failure, 'anthropic'))}\n\n`
}
