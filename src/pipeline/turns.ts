/** Above this, others get their turn between the steps of what is done with a request's body. */
export const LARGE_BYTES = 1024 * 1024

/** Whoever else waits for the loop comes first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
