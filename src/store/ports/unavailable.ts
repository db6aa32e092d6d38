/**
 * A store that could not be asked: refused, hung, out of connections, read-only. It is our trouble, so it becomes a
 * 503 with `Retry-After`, never a 401, 403 or 404.
 */
export class StoreUnavailable extends Error {
  /** `database` or `redis`, for logs, metrics and `/readyz`. */
  readonly store: 'database' | 'redis'

  constructor(store: 'database' | 'redis', message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreUnavailable'
    this.store = store
  }
}
