import { GatewayError } from '../protocol/model/error.ts'

/**
 * What a caller is told who is not let in. The words are the same for every key that is not ours, whether it looks
 * like one or not: nobody without a key learns what exists here (promise I11).
 */
export const refusals = {
  missing: () =>
    new GatewayError(
      'unauthenticated',
      'No API key: send a key of this gateway as "Authorization: Bearer XJP_…" or in x-api-key. Keys in the address or in a cookie are not read.',
      { code: 'missing_api_key' },
    ),
  unknown: () =>
    new GatewayError('unauthenticated', 'The API key is not a valid key of this gateway.', {
      code: 'invalid_api_key',
    }),
  disabled: () => new GatewayError('forbidden', 'This API key is disabled.', { code: 'api_key_disabled' }),
  expired: () => new GatewayError('forbidden', 'This API key has expired.', { code: 'api_key_expired' }),
  guessing: (retryAfterSeconds: number) =>
    new GatewayError(
      'rate_limited',
      'Too many requests with keys that are not valid: wait before you try another one.',
      { code: 'too_many_invalid_keys', retryAfterSeconds },
    ),
  /** Our trouble, never the caller's 401 (promise F4). */
  storeDown: (cause?: unknown) =>
    new GatewayError(
      'unavailable',
      'API keys cannot be looked up at the moment: the gateway cannot reach its database. Try again.',
      { code: 'store_unavailable', retryAfterSeconds: 1, cause },
    ),
  noStore: () =>
    new GatewayError(
      'unavailable',
      'API keys are asked for since the configuration was reloaded, but this gateway was started without a place for them: it has to be started again.',
      { code: 'restart_needed' },
    ),
} as const
