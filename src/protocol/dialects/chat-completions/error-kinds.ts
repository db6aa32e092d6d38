import { type ErrorKind, kindOfUpstreamStatus } from '../../model/error.ts'

/** Words in `code`, `type` or `metadata.error_type` that decide whatever the status is (protocol.md §1.1, §5.2). */
const kindOfWord: Record<string, ErrorKind> = {
  context_length_exceeded: 'context_too_long',
  token_limit_exceeded: 'context_too_long',
  string_too_long: 'context_too_long',
  model_not_found: 'model_not_found',
  insufficient_quota: 'quota_exhausted',
  billing_hard_limit_reached: 'quota_exhausted',
  exceeded_current_quota_error: 'quota_exhausted',
  billing_error: 'payment_required',
  payment_required: 'payment_required',
  rate_limit_exceeded: 'rate_limited',
  rate_limit_error: 'rate_limited',
  rate_limit_reached_error: 'rate_limited',
  invalid_api_key: 'upstream_unauthenticated',
  invalid_authentication_error: 'upstream_unauthenticated',
  authentication_error: 'upstream_unauthenticated',
  authentication: 'upstream_unauthenticated',
  permission_denied: 'forbidden',
  permission_error: 'forbidden',
  overloaded: 'overloaded',
  overloaded_error: 'overloaded',
  server_overloaded: 'overloaded',
  engine_overloaded_error: 'overloaded',
  provider_overloaded: 'overloaded',
  service_unavailable: 'overloaded',
  provider_unavailable: 'upstream_failed',
  payload_too_large: 'too_large',
  request_too_large: 'too_large',
  timeout: 'timeout',
  timeout_error: 'timeout',
}

/** Words that only say whose fault it was: used where no status says more. */
const kindOfClass: Record<string, ErrorKind> = {
  invalid_request_error: 'invalid_request',
  invalid_request: 'invalid_request',
  invalid_prompt: 'invalid_request',
  not_found: 'not_found',
  not_found_error: 'not_found',
  requests: 'rate_limited',
  tokens: 'rate_limited',
  server_error: 'upstream_failed',
  server: 'upstream_failed',
  api_error: 'upstream_failed',
}

/**
 * The kind of an upstream's error: words first, then the status, then the class, and only then the wording, for
 * servers that have no code for a prompt that is too long. `status` is 0 where there was none.
 */
export function kindOf(words: readonly string[], status: number, message: string): ErrorKind {
  const decided = find(kindOfWord, words)
  if (decided) return decided
  const kind = status >= 400 ? kindOfUpstreamStatus(status) : (find(kindOfClass, words) ?? 'upstream_failed')
  return kind === 'invalid_request' && tooLong.test(message) ? 'context_too_long' : kind
}

function find(table: Record<string, ErrorKind>, words: readonly string[]): ErrorKind | undefined {
  const word = words.find((candidate) => Object.hasOwn(table, candidate))
  return word === undefined ? undefined : table[word]
}

const tooLong =
  /maximum context length|context (window|length) (is )?exceeded|exceeds? the (model's )?(context|maximum)|prompt is too long/i

interface WireError {
  type: string
  code: string
  /** Where clients of this dialect expect another status than the kind's own. */
  status?: number
}

/** How clients of this dialect are told (protocol.md §2.14). */
export const wireErrors: Record<ErrorKind, WireError> = {
  invalid_request: { type: 'invalid_request_error', code: 'invalid_value' },
  context_too_long: { type: 'invalid_request_error', code: 'context_length_exceeded' },
  unsupported: { type: 'invalid_request_error', code: 'unsupported_value' },
  unauthenticated: { type: 'invalid_request_error', code: 'invalid_api_key' },
  payment_required: { type: 'insufficient_quota', code: 'insufficient_quota' },
  forbidden: { type: 'permission_error', code: 'permission_denied' },
  not_found: { type: 'invalid_request_error', code: 'not_found' },
  model_not_found: { type: 'invalid_request_error', code: 'model_not_found' },
  method_not_allowed: { type: 'invalid_request_error', code: 'method_not_allowed' },
  conflict: { type: 'invalid_request_error', code: 'conflict' },
  too_large: { type: 'invalid_request_error', code: 'request_too_large' },
  unsupported_media_type: { type: 'invalid_request_error', code: 'unsupported_media_type' },
  unprocessable: { type: 'invalid_request_error', code: 'unprocessable_entity' },
  rate_limited: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  quota_exhausted: { type: 'insufficient_quota', code: 'insufficient_quota' },
  client_closed: { type: 'invalid_request_error', code: 'client_closed_request' },
  internal: { type: 'server_error', code: 'internal_error' },
  upstream_invalid: { type: 'server_error', code: 'upstream_invalid' },
  upstream_failed: { type: 'server_error', code: 'upstream_error' },
  upstream_unauthenticated: { type: 'server_error', code: 'upstream_auth' },
  overloaded: { type: 'server_error', code: 'overloaded' },
  unavailable: { type: 'server_error', code: 'service_unavailable' },
  timeout: { type: 'timeout', code: 'timeout' },
}
