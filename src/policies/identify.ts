import type { Policy } from '../pipeline/call.ts'

/**
 * Who calls. There are no keys yet, so everyone is the tenant `open`; `main.ts` says so aloud at the start and
 * refuses an address beyond this machine when the configuration asks for keys.
 */
export const identify: Policy = (next) => (call) => next(call)
