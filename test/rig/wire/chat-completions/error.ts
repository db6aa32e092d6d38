import type { Fields } from '../../json.ts'
import type { Failure } from '../../scene/performance.ts'
import { chatVendor } from './vendors.ts'

/** `type` and `code` beside an HTTP status (protocol.md §1.1). */
const pairs: Record<number, readonly [type: string, code: string | null]> = {
  400: ['invalid_request_error', null],
  401: ['invalid_request_error', 'invalid_api_key'],
  402: ['insufficient_quota', 'insufficient_quota'],
  403: ['permission_error', null],
  404: ['invalid_request_error', 'model_not_found'],
  413: ['invalid_request_error', null],
  429: ['requests', 'rate_limit_exceeded'],
  503: ['server_error', 'overloaded'],
}

export function chatError(failure: Failure, vendor: string): Fields {
  const [type, code] = pairs[failure.status] ?? ['server_error', null]
  if (chatVendor(vendor).numericErrorCode)
    return {
      error: { code: failure.status, message: failure.message, metadata: { provider_name: 'Rig' } },
      user_id: 'user_rig',
    }
  const param = failure.path ?? null
  return { error: { message: failure.message, type, param, code: failure.code ?? code } }
}

export function chatErrorEvent(failure: Failure, vendor: string): string {
  const broken = chatVendor(vendor).numericErrorCode
    ? { id: 'gen-rig', choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }] }
    : {}
  return `data: ${JSON.stringify({ ...broken, ...chatError(failure, vendor) })}\n\n`
}
